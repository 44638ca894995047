// SPDX-License-Identifier: MIT
#pragma once

#include "udp_calls.hpp"
#include "udp_slab.hpp"
#include "udp_socket.hpp"

namespace culvert::io {

/// The receiving half of one socket. No error but the loss of the descriptor ends it, and a run of errors slows it
/// down.
class TrainReceiver {
 public:
  /// Errors in a row from which on each costs a millisecond, so that no error can make its thread spin.
  static constexpr unsigned kErrorsUntilRest = 8;

  [[nodiscard]] ReceiveOutcome receive(UdpCalls& calls, int fd, ReceiveSlab& slab, UdpCounters& counters) noexcept;

 private:
  [[nodiscard]] ReceiveOutcome failure(UdpCalls& calls, int fd, int error, UdpCounters& counters) noexcept;
  void note_drops(std::uint32_t drops, UdpCounters& counters) noexcept;

  unsigned errors_in_a_row_ = 0;
  std::uint32_t drops_seen_ = 0;
};

}  // namespace culvert::io
