// SPDX-License-Identifier: MIT
#pragma once

#include <culvert/time.hpp>

namespace culvert::test {

/// Both clocks, moved by hand. The monotonic one starts some days after boot, the other in November 2023.
class TestClock {
 public:
  [[nodiscard]] Now now() const noexcept { return now_; }
  [[nodiscard]] Instant mono() const noexcept { return now_.mono; }

  void advance(Duration by) noexcept {
    now_.mono += by;
    const std::int64_t ns = now_.wall.nanoseconds + by.count();
    now_.wall.seconds += ns / 1'000'000'000;
    now_.wall.nanoseconds = static_cast<std::uint32_t>(ns % 1'000'000'000);
  }
  /// Forward, never back.
  void advance_to(Instant at) noexcept {
    if (at > now_.mono) advance(at - now_.mono);
  }
  /// The time of day alone: somebody set the clock.
  void set_wall(UnixTime wall) noexcept { now_.wall = wall; }

 private:
  Now now_{Instant(std::chrono::hours(100)), UnixTime{1'700'000'000, 0}};
};

}  // namespace culvert::test
