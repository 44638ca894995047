// SPDX-License-Identifier: MIT
// From outside to inside, one batch at a time:
//
//   receive trains -> cut each into runs of one session -> open the run in place, one call -> commit each counter in
//   order -> tell the path who was heard -> admit each inner packet -> coalesce neighbours -> write
//
// Plaintext is never copied: super-packets are gathered from the receive buffer. Handshake messages, which a network
// card may have put into a lane's train, go on to control.
#pragma once

#include <array>

#include "coalesce.hpp"
#include "lane_state.hpp"
#include "outbound.hpp"
#include "udp_slab.hpp"

namespace culvert::engine {

class Inbound {
 public:
  /// All outlive this.
  Inbound(LaneState& state, io::Coalescer& coalescer) : state_(state), coalescer_(coalescer), slab_(kSlots) {}

  /// One receive and all that follows from it. Progress::gone: the socket is dead.
  [[nodiscard]] Progress run(io::UdpSocket& socket);

 private:
  static constexpr std::size_t kSlots = 16;

  void take(const io::InTrain& train);
  void take_message(Bytes datagram, const io::InTrain& train);
  void open_run(MutBytes run, std::size_t stride, const io::InTrain& train);
  void deliver();

  LaneState& state_;
  io::Coalescer& coalescer_;
  io::ReceiveSlab slab_;
};

}  // namespace culvert::engine
