// SPDX-License-Identifier: MIT
#include "units.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <ctime>
#include <iterator>

namespace culvert::cli {
namespace {

struct Unit {
  std::int64_t seconds;
  std::string_view name;
};
constexpr std::array<Unit, 5> kUnits{
    {{365LL * 86'400, "year"}, {86'400, "day"}, {3'600, "hour"}, {60, "minute"}, {1, "second"}}};

constexpr std::int64_t kLongest = 100 * kUnits[0].seconds;

std::int64_t unit_of(char letter) noexcept {
  switch (letter) {
    case 'w':
      return std::int64_t{7} * 86'400;
    case 'd':
      return 86'400;
    case 'h':
      return 3'600;
    case 'm':
      return 60;
    case 's':
      return 1;
    default:
      return 0;
  }
}

}  // namespace

std::string octets_text(std::uint64_t octets) {
  constexpr std::array<std::string_view, 6> kNames{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (octets < 1024) return fmt::format("{} B", octets);
  double value = static_cast<double>(octets) / 1024;
  std::size_t i = 0;
  for (; value >= 1024 && i + 1 < kNames.size(); ++i) value /= 1024;
  return fmt::format("{:.2f} {}", value, kNames[i]);
}

std::string rate_text(double octets_a_second) {
  constexpr std::array<std::string_view, 4> kNames{"kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"};
  const double bits = octets_a_second * 8;
  if (bits < 1000) return fmt::format("{:.0f} bit/s", bits);
  double value = bits / 1000;
  std::size_t i = 0;
  for (; value >= 999.5 && i + 1 < kNames.size(); ++i) value /= 1000;
  return fmt::format("{:.{}f} {}", value, value < 10 ? 2 : value < 100 ? 1 : 0, kNames[i]);
}

std::string span_text(std::chrono::seconds span) {
  std::string text;
  std::int64_t rest = span.count();
  for (const Unit& unit : kUnits) {
    const std::int64_t n = rest / unit.seconds;
    rest %= unit.seconds;
    if (n == 0) continue;
    if (!text.empty()) text += ", ";
    text += count_text(static_cast<std::uint64_t>(n), unit.name);
  }
  return text.empty() ? "0 seconds" : text;
}

std::string ago_text(std::chrono::seconds age) {
  if (age.count() == 0) return "now";
  if (age.count() < 0) return "(the system clock was set back: " + span_text(-age) + " ahead)";
  return span_text(age) + " ago";
}

std::optional<std::chrono::seconds> parse_span(std::string_view text) noexcept {
  std::int64_t total = 0;
  while (!text.empty()) {
    std::int64_t number = 0;
    std::size_t digits = 0;
    for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
      number = number * 10 + (text[digits] - '0');
      if (number > kLongest) return std::nullopt;
    }
    if (digits == 0 || digits == text.size()) return std::nullopt;
    const std::int64_t unit = unit_of(text[digits]);
    if (unit == 0 || number > kLongest / unit) return std::nullopt;
    total += number * unit;
    if (total > kLongest) return std::nullopt;
    text.remove_prefix(digits + 1);
  }
  if (total == 0) return std::nullopt;
  return std::chrono::seconds(total);
}

std::string instant_text(std::int64_t unix_seconds) {
  const std::time_t at = unix_seconds;
  std::tm parts{};
  if (::gmtime_r(&at, &parts) == nullptr) return std::to_string(unix_seconds);
  return fmt::format("{:%Y-%m-%d %H:%M:%S}Z", parts);
}

std::string count_text(std::uint64_t count, std::string_view singular) {
  const std::string_view end = count == 1 ? "" : singular.ends_with('s') ? "es" : "s";
  return fmt::format("{} {}{}", count, singular, end);
}

}  // namespace culvert::cli
