// SPDX-License-Identifier: MIT
// The receiver index names the lane that opens a session's packets, in its low bits, so that the socket program can
// steer a datagram before anybody parses it. The bits above are random.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace culvert {

[[nodiscard]] constexpr std::uint32_t lane_mask(std::size_t lanes) noexcept {
  return static_cast<std::uint32_t>(std::bit_ceil(lanes)) - 1;
}
[[nodiscard]] constexpr std::size_t lane_of(std::uint32_t index, std::size_t lanes) noexcept {
  return index & lane_mask(lanes);
}
[[nodiscard]] constexpr std::uint32_t index_for_lane(std::uint32_t random, std::size_t lane,
                                                     std::size_t lanes) noexcept {
  return (random & ~lane_mask(lanes)) | static_cast<std::uint32_t>(lane);
}

}  // namespace culvert
