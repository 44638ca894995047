// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

namespace culvert {

/// Monotonic time that goes on during suspend (Linux: CLOCK_BOOTTIME). Only a tag: it has no `now()`,
/// so that protocol code cannot read a clock and has to be told the time.
struct MonotonicClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock>;
  static constexpr bool is_steady = true;
};

using Duration = MonotonicClock::duration;
using Instant = MonotonicClock::time_point;

/// Time of day since 1970, for TAI64N stamps and for display; never for ages.
struct UnixTime {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;

  friend auto operator<=>(const UnixTime&, const UnixTime&) = default;
};

/// Both clocks, read once for each wake-up and passed down.
struct Now {
  Instant mono;
  UnixTime wall;
};

}  // namespace culvert
