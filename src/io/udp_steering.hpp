// SPDX-License-Identifier: MIT
// Which socket of a group gets a datagram: socket 0 is the control thread's, socket 1 + L is lane L's.
// The kernel runs `steering_program`; `lane_of` is the same rule for those who choose receiver indices.
#pragma once

#include <linux/filter.h>

#include <array>
#include <cstdint>

namespace culvert::io {

inline constexpr std::size_t kMaxLanes = 64;

/// The lane whose socket gets data messages for this receiver index. 1 <= lanes <= kMaxLanes.
/// Choose indices with `lane_of(index, lanes) == own lane`; the low 6 bits alone decide.
[[nodiscard]] constexpr std::size_t lane_of(std::uint32_t receiver_index, std::size_t lanes) noexcept {
  return (receiver_index % kMaxLanes) % lanes;
}

using SteeringProgram = std::array<sock_filter, 8>;

/// Classic BPF over the UDP payload. A payload too short for a load ends the program with socket 0.
[[nodiscard]] SteeringProgram steering_program(std::size_t lanes) noexcept;

}  // namespace culvert::io
