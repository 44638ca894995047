// SPDX-License-Identifier: MIT
// Numbers as people read them, in the words that `wg show` uses.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace culvert::cli {

/// "92 B", "1.20 KiB", "3.45 GiB".
[[nodiscard]] std::string octets_text(std::uint64_t octets);

/// Octets a second as bits: "0 bit/s", "12.3 kbit/s", "1.20 Gbit/s".
[[nodiscard]] std::string rate_text(double octets_a_second);

/// "1 day, 2 hours, 3 seconds"; "0 seconds".
[[nodiscard]] std::string span_text(std::chrono::seconds span);

/// "1 minute, 31 seconds ago", "now", or, for an instant that lies ahead, what `wg` says of it.
[[nodiscard]] std::string ago_text(std::chrono::seconds age);

/// "30d", "12h", "45m", "90s", "2w", or several in a row ("1d12h"). nullopt: anything else, nothing, or over 100 years.
[[nodiscard]] std::optional<std::chrono::seconds> parse_span(std::string_view text) noexcept;

/// "2026-11-29 05:32:01Z".
[[nodiscard]] std::string instant_text(std::int64_t unix_seconds);

/// "1 peer", "2 peers", "2 addresses".
[[nodiscard]] std::string count_text(std::uint64_t count, std::string_view singular);

}  // namespace culvert::cli
