// SPDX-License-Identifier: MIT
// Which socket of a group gets a datagram: socket 0 is the control thread's, socket 1 + L is lane L's.
// The kernel runs `steering_program`; `steered_lane` states the same rule for its readers.
#pragma once

#include <linux/filter.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace culvert::io {

inline constexpr std::size_t kMaxLanes = 64;

/// The lane whose socket gets data messages for this receiver index: its low bits, as many as the lanes need.
/// Low bits that name no lane, which nobody who chooses indices for us writes, wrap round. 1 <= lanes <= kMaxLanes.
[[nodiscard]] constexpr std::size_t steered_lane(std::uint32_t receiver_index, std::size_t lanes) noexcept {
  return (receiver_index & (std::bit_ceil(lanes) - 1)) % lanes;
}

using SteeringProgram = std::array<sock_filter, 8>;

/// Classic BPF over the UDP payload. A payload too short for a load ends the program with socket 0.
[[nodiscard]] SteeringProgram steering_program(std::size_t lanes) noexcept;

}  // namespace culvert::io
