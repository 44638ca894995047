// SPDX-License-Identifier: MIT
// The receiver index names, in its low 6 bits, the lane that opens a session's packets, so that the socket program of
// the kernel can steer a datagram before anybody parses it. All else in an index is random.
#pragma once

#include <cstddef>
#include <cstdint>

namespace culvert::wire {

inline constexpr std::size_t kMaxLanes = 64;

/// The lane that data messages with this receiver index go to. 1 <= lanes <= kMaxLanes.
[[nodiscard]] constexpr std::size_t lane_of(std::uint32_t receiver_index, std::size_t lanes) noexcept {
  return (receiver_index % kMaxLanes) % lanes;
}

/// `random` with the least change that makes `lane_of` name `lane`.
[[nodiscard]] constexpr std::uint32_t index_for_lane(std::uint32_t random, std::size_t lane,
                                                     std::size_t lanes) noexcept {
  const std::size_t low = random % kMaxLanes;
  std::size_t moved = low - low % lanes + lane;
  if (moved >= kMaxLanes) moved -= lanes;
  return random - static_cast<std::uint32_t>(low) + static_cast<std::uint32_t>(moved);
}

}  // namespace culvert::wire
