// SPDX-License-Identifier: MIT
// Where a flood of handshake messages fills control's socket, a newcomer's message is lost as well. So the kernel holds
// back what the flood's senders send, as long as they do.
#include "engine_state.hpp"

namespace culvert::engine {
namespace {

constexpr std::chrono::minutes kThinAgain{1};

}  // namespace

void Engine::State::thin_floods(Instant now) {
  const std::size_t before = thinned_senders();
  for (ControlSocket* control : {&v4, &v6})
    if (control->senders) thin_flood(now, *control);
  const std::size_t after = thinned_senders();
  if (before == 0 && after != 0) handlers.notice({.kind = Notice::Kind::flood_thinned, .senders = after});
  if (before != 0 && after == 0) handlers.notice({.kind = Notice::Kind::flood_over});
}

void Engine::State::thin_flood(Instant now, ControlSocket& control) {
  HeavySenders& senders = *control.senders;
  io::Thinning wish{.family = control.family};
  if (control.thin_again) {
    if (now < *control.thin_again) return;
  } else {
    if (!senders.due(now)) return;
    const std::uint64_t lost = control_sockets.of(control.family)->kernel_drops.load(std::memory_order_relaxed);
    if (senders.overflowed(lost)) spare_peers(control);
    if (!senders.look(now, lost, device.peer_count())) return;
    wish = senders.thinning(control.family);
  }
  const auto thinned = door.thin(wish);
  if (thinned) return control.thin_again.reset();
  control.thin_again = now + kThinAgain;
  control.senders = watch_senders(control.family);
  handlers.notice({.kind = Notice::Kind::thinning_refused, .error = thinned.error().code});
}

// Those with a session that both ends have proved. An initiation alone does not count: somebody may have recorded it,
// and send it from wherever he likes.
void Engine::State::spare_peers(ControlSocket& control) {
  device.for_each_peer([&](const Peer& peer) {
    if (peer.sessions.current && peer.endpoint && peer.endpoint->address.family == control.family)
      control.senders->spare(peer.endpoint->address);
  });
}

std::size_t Engine::State::thinned_senders() const noexcept {
  std::size_t sum = 0;
  for (const ControlSocket* control : {&v4, &v6})
    if (control->senders) sum += control->senders->size();
  return sum;
}

}  // namespace culvert::engine
