// SPDX-License-Identifier: MIT
// Which socket of a group gets a datagram: socket 0 is the control thread's, socket 1 + L is lane L's. Data messages go
// by `wire::lane_of` their receiver index, all else to the control thread.
#pragma once

#include <linux/filter.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace culvert::io {

inline constexpr std::size_t kMaxLanes = 64;

using SteeringProgram = std::array<sock_filter, 8>;

/// Classic BPF over the UDP payload. A payload too short for a load ends the program with socket 0.
/// 1 <= lanes <= kMaxLanes.
[[nodiscard]] SteeringProgram steering_program(std::size_t lanes) noexcept;

}  // namespace culvert::io
