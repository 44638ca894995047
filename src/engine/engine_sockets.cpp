// SPDX-License-Identifier: MIT
// The sockets of control and lanes: opened together on one port, replaced together.
#include <bit>

#include "engine_state.hpp"

namespace culvert::engine {

Result<void, io::SystemError> Engine::State::open_sockets(std::uint16_t wanted, std::uint32_t mark) {
  io::UdpOptions wish = options.outside;
  wish.port = wanted;
  wish.fwmark = mark;
  auto outside = door.open(wish);
  if (!outside) return Err{outside.error()};
  adopt(std::move(*outside));
  return {};
}

std::unique_ptr<HeavySenders> Engine::State::watch_senders(Instant now, Family family) {
  Octets<4> mix;
  entropy.fill(mix);
  const std::uint64_t lost = control_sockets.of(family)->kernel_drops.load(std::memory_order_relaxed);
  auto senders = std::make_unique<HeavySenders>(std::bit_cast<std::uint32_t>(mix), now, lost);
  senders->set_share(handshakes_per_second);
  return senders;
}

void Engine::State::adopt_control(io::UdpGroup& group) {
  ControlSocket& control = group.family == Family::v4 ? v4 : v6;
  // Nothing that control sends is worth segmenting. What it receives may be a train all the same: see `screen`.
  const io::UdpOffloads plain{};
  control.family = group.family;
  control.socket = io::make_udp_socket(std::move(group.control), group.family, plain, io::system_udp_calls(),
                                       control_sockets.of(group.family));
  control.senders = watch_senders(read_monotonic(), group.family);
  control.watch = std::make_unique<Watch>(context, control.socket->descriptor(), [this, &control] {
    drain(control);
    turn();
  });
}

void Engine::State::adopt(io::Outside outside) {
  close_sockets();
  port = outside.port;
  for (auto* group : {outside.v4 ? &*outside.v4 : nullptr, outside.v6 ? &*outside.v6 : nullptr}) {
    if (group == nullptr) continue;
    adopt_control(*group);
  }
  tell_flood();
  replace_lane_sockets(&outside);
}

void Engine::State::close_sockets() {
  for (ControlSocket* s : {&v4, &v6}) {
    s->watch.reset();
    s->senders.reset();
    s->thin_again.reset();
    s->socket.reset();
  }
  replace_lane_sockets(nullptr);
}

void Engine::State::replace_lane_sockets(io::Outside* outside) {
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    const auto make = [&](std::optional<io::UdpGroup>& group) -> std::shared_ptr<io::UdpSocket> {
      if (!group) return nullptr;
      outside_offloads = group->offloads;
      return io::make_udp_socket(std::move(group->lanes[i]), group->family, group->offloads, io::system_udp_calls(),
                                 lane_sockets[i].of(group->family));
    };
    mail::SocketsReplaced sockets;
    std::vector<LaneMail> batch;
    if (outside != nullptr) {
      sockets = {.v4 = make(outside->v4), .v6 = make(outside->v6)};
      batch.emplace_back(Change(change::PortSet{outside->port}));
    }
    batch.emplace_back(std::move(sockets));
    lanes[i]->post(std::move(batch));
  }
}

}  // namespace culvert::engine
