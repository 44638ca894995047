// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include <culvert/bytes.hpp>
#include <culvert/time.hpp>

#include "params.hpp"

namespace culvert {

/// A TAI64N stamp as it stands on the wire: big-endian, so that octets compare like times.
using Stamp = Octets<12>;

/// The time of day as a stamp, rounded down to about 16.8 ms so that it does not tell our clock [K].
[[nodiscard]] inline Stamp stamp_of(UnixTime wall) noexcept {
  const std::uint64_t seconds = 0x400000000000000aULL + static_cast<std::uint64_t>(wall.seconds);
  const std::uint32_t nanoseconds = wall.nanoseconds & ~(params::kStampGranularityNs - 1);
  Stamp stamp{};
  for (std::size_t i = 0; i < 8; ++i) stamp[i] = static_cast<std::uint8_t>(seconds >> (56 - 8 * i));
  for (std::size_t i = 0; i < 4; ++i) stamp[8 + i] = static_cast<std::uint8_t>(nanoseconds >> (24 - 8 * i));
  return stamp;
}

/// The least stamp after this one that the coarse clock could have shown.
[[nodiscard]] inline Stamp next_after(const Stamp& stamp) noexcept {
  std::uint64_t seconds = 0;
  std::uint32_t nanoseconds = 0;
  for (std::size_t i = 0; i < 8; ++i) seconds = seconds << 8 | stamp[i];
  for (std::size_t i = 8; i < 12; ++i) nanoseconds = nanoseconds << 8 | stamp[i];
  nanoseconds += params::kStampGranularityNs;
  if (nanoseconds >= 1'000'000'000) {
    nanoseconds = 0;
    ++seconds;
  }
  UnixTime next;
  next.seconds = static_cast<std::int64_t>(seconds - 0x400000000000000aULL);
  next.nanoseconds = nanoseconds;
  return stamp_of(next);
}

/// A stamp for now that is greater than `last`, even when the clock was set back.
[[nodiscard]] inline Stamp fresh_stamp(UnixTime wall, const Stamp& last) noexcept {
  return std::max(stamp_of(wall), next_after(last));
}

}  // namespace culvert
