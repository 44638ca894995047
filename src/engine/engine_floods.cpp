// SPDX-License-Identifier: MIT
// Where a flood of handshake messages fills control's socket, a newcomer's message is lost as well. So the kernel holds
// back what the flood's senders send, as long as they do.
#include "engine_state.hpp"

namespace culvert::engine {
namespace {

constexpr std::chrono::seconds kThinAgain{10};
constexpr std::chrono::microseconds kForAPeer{1};  // of an interval: some ten times what it takes to spare one

}  // namespace

void Engine::State::thin_floods(Instant now) {
  for (ControlSocket* control : {&v4, &v6})
    if (control->senders) thin_flood(now, *control);
  tell_flood();
}

void Engine::State::thin_flood(Instant now, ControlSocket& control) {
  io::Thinning wish{.family = control.family};
  if (control.thin_again) {
    if (now < *control.thin_again) return;
    control.senders = watch_senders(now, control.family);  // and `wish` takes the filter away, if there is one
  } else {
    HeavySenders& senders = *control.senders;
    if (!senders.due(now)) return;
    const std::uint64_t lost = control_sockets.of(control.family)->kernel_drops.load(std::memory_order_relaxed);
    const bool spares = senders.asks_for_peers(now, lost);
    if (spares) spare_peers(control);
    const bool changed = senders.look(now, lost);
    if (spares) senders.begin(now, device.peer_count() * kForAPeer);
    if (!changed) return;
    wish = senders.thinning(control.family);
  }
  const auto thinned = door.thin(wish);
  // The request may have taken its time.
  const Instant done = read_monotonic();
  if (thinned) {
    control.thin_again.reset();
    return control.senders->begin(done, device.peer_count() * kForAPeer);
  }
  control.thin_again = done + kThinAgain;
  handlers.notice({.kind = Notice::Kind::thinning_refused, .error = thinned.error().code});
}

// Those whom we call or have talked with. An initiation alone does not count: somebody may have recorded it, and send
// it from wherever he likes.
void Engine::State::spare_peers(ControlSocket& control) {
  device.for_each_peer([&](const Peer& peer) {
    if (!peer.endpoint || peer.endpoint->address.family != control.family) return;
    const PeerNotes* notes = diagnosis.of(peer.id);
    const bool ours = peer.pending || notes == nullptr || notes->origin == EndpointOrigin::configured;
    if (ours || peer.sessions.current || peer.arrivals().accepted != 0) control.senders->spare(peer.endpoint->address);
  });
}

void Engine::State::tell_flood() {
  if (v4.thin_again || v6.thin_again) return;
  const std::size_t senders = thinned_senders();
  if (flood_told == (senders != 0)) return;
  flood_told = !flood_told;
  handlers.notice({.kind = flood_told ? Notice::Kind::flood_thinned : Notice::Kind::flood_over, .senders = senders});
}

std::size_t Engine::State::thinned_senders() const noexcept {
  std::size_t sum = 0;
  for (const ControlSocket* control : {&v4, &v6})
    if (control->senders && !control->thin_again) sum += control->senders->size();
  return sum;
}

}  // namespace culvert::engine
