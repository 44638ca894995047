// SPDX-License-Identifier: MIT
// The receiver index names, in its low bits, the lane that opens a session's packets, so that the socket program of the
// kernel can steer a datagram before anybody parses it. All else in an index is random.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace culvert::wire {

[[nodiscard]] constexpr std::uint32_t lane_mask(std::size_t lanes) noexcept {
  return static_cast<std::uint32_t>(std::bit_ceil(lanes)) - 1;
}

/// The lane that data messages with this receiver index go to. Low bits that name no lane, which nobody who chooses
/// indices writes, wrap round. 1 <= lanes.
[[nodiscard]] constexpr std::size_t lane_of(std::uint32_t receiver_index, std::size_t lanes) noexcept {
  return (receiver_index & lane_mask(lanes)) % lanes;
}

/// `random`, with low bits that name `lane`.
[[nodiscard]] constexpr std::uint32_t index_for_lane(std::uint32_t random, std::size_t lane,
                                                     std::size_t lanes) noexcept {
  return (random & ~lane_mask(lanes)) | static_cast<std::uint32_t>(lane);
}

}  // namespace culvert::wire
