// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

#include "device_text.hpp"

namespace culvert::daemon {

/// Whether a peer is spoken to and does not answer, so that another of its places may be the better one. It is judged
/// by what `get` tells of it, looked at every few seconds. Pure.
class EndpointTrial {
 public:
  using Clock = std::chrono::steady_clock;
  /// Three initiations, or what the protocol takes for silence (10 + 5 s [W 6.5]).
  static constexpr std::chrono::seconds kPatience{15};

  /// \param unix_now  seconds, as handshakes are dated.
  /// \returns whether it is time for another place; the next one has as long from then on.
  [[nodiscard]] bool look(const PeerText& peer, Clock::time_point now, std::int64_t unix_now);

 private:
  bool looked_ = false;
  Clock::time_point looked_at_{}, since_{};
  std::uint64_t received_ = 0, sent_ = 0;
  std::int64_t handshake_ = 0;
  unsigned quiet_looks_ = 0;
};

}  // namespace culvert::daemon
