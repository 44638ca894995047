// SPDX-License-Identifier: MIT
#pragma once

#include <ctime>

#include <culvert/time.hpp>

namespace culvert::engine {

/// CLOCK_BOOTTIME: session keys must age while the machine sleeps.
[[nodiscard]] inline Instant read_monotonic() noexcept {
  timespec t{};
  ::clock_gettime(CLOCK_BOOTTIME, &t);
  return Instant(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
}

[[nodiscard]] inline Now read_now() noexcept {
  timespec t{};
  ::clock_gettime(CLOCK_REALTIME, &t);
  return {read_monotonic(), {t.tv_sec, static_cast<std::uint32_t>(t.tv_nsec)}};
}

}  // namespace culvert::engine
