// SPDX-License-Identifier: MIT
#include "values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include <culvert/printable.hpp>

#include "interface_name.hpp"
#include "key_text.hpp"

namespace culvert::config {
namespace {

using namespace std::string_literals;

constexpr std::int64_t kFirstSecond = -62167219200;  // 0000-01-01T00:00:00Z
constexpr std::int64_t kLastSecond = 253402300799;   // 9999-12-31T23:59:59Z

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_alphanumeric(char c) noexcept { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// The whole text as a number in this base, up to 2^32 - 1.
std::optional<std::uint32_t> whole_number(std::string_view text, int base) noexcept {
  std::uint32_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

bool equals_ignoring_case(std::string_view a, std::string_view lower) noexcept {
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(),
                    [](char x, char y) { return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y; });
}

/// Labels of 1 to 63 letters, digits, '-' and '_'; 253 octets in all; a final dot is allowed.
bool is_host_name(std::string_view name) noexcept {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.empty() || name.size() > 253) return false;
  std::size_t label = 0;
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else if ((!is_alphanumeric(c) && c != '-' && c != '_') || ++label > 63) {
      return false;
    }
  }
  return label != 0;
}

/// Days since 1970-01-01 in the Gregorian calendar, or nullopt for a day that does not exist.
std::optional<std::int64_t> days_of(unsigned year, unsigned month, unsigned day) noexcept {
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count();
}

/// Takes exactly this many digits from the front.
std::optional<unsigned> take_digits(std::string_view& text, std::size_t count) noexcept {
  if (text.size() < count || !std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(count), is_digit))
    return std::nullopt;
  unsigned value = 0;
  for (const char c : text.substr(0, count)) value = value * 10 + static_cast<unsigned>(c - '0');
  text.remove_prefix(count);
  return value;
}

bool take(std::string_view& text, char c) noexcept {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

/// ".123456789": nanoseconds. Nothing there: 0.
std::optional<std::uint32_t> take_fraction(std::string_view& text) noexcept {
  if (!take(text, '.')) return 0;
  std::uint32_t value = 0;
  std::size_t digits = 0;
  while (!text.empty() && is_digit(text.front()) && digits < 9) {
    value = value * 10 + static_cast<std::uint32_t>(text.front() - '0');
    text.remove_prefix(1);
    ++digits;
  }
  if (digits == 0) return std::nullopt;
  for (; digits < 9; ++digits) value *= 10;
  return value;
}

/// "Z", "+HH:MM", "-HH:MM" or nothing, which is UTC: seconds east of Greenwich.
std::optional<std::int64_t> take_offset(std::string_view& text) noexcept {
  if (text.empty()) return 0;
  if (take(text, 'Z') || take(text, 'z')) return 0;
  const bool west = text.front() == '-';
  if (!take(text, '+') && !take(text, '-')) return std::nullopt;
  const auto hours = take_digits(text, 2);
  if (!hours || !take(text, ':')) return std::nullopt;
  const auto minutes = take_digits(text, 2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const std::int64_t seconds = (std::int64_t{*hours} * 60 + *minutes) * 60;
  return west ? -seconds : seconds;
}

std::optional<UnixTime> date_time(std::string_view text) noexcept {
  const auto year = take_digits(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2);
  const auto days = day ? days_of(*year, *month, *day) : std::nullopt;
  if (!days) return std::nullopt;
  if (text.empty()) return UnixTime{.seconds = *days * 86400};

  if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return std::nullopt;
  const auto hour = take_digits(text, 2);
  if (!hour || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  const auto second = take(text, ':') ? take_digits(text, 2) : std::optional(0u);
  if (!minute || !second || *hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  const auto nanoseconds = take_fraction(text);
  const auto offset = nanoseconds ? take_offset(text) : std::nullopt;
  if (!offset || !text.empty()) return std::nullopt;
  const std::int64_t clock = (std::int64_t{*hour} * 60 + *minute) * 60 + *second;
  const UnixTime time{.seconds = *days * 86400 + clock - *offset, .nanoseconds = *nanoseconds};
  if (time.seconds < kFirstSecond || time.seconds > kLastSecond)
    return std::nullopt;  // the offset led out of the years
  return time;
}

}  // namespace

Parsed<HostPort> parse_host_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const bool bracketed = text.starts_with('[');
  const std::size_t bracket = text.find(']');
  if (bracketed && bracket == std::string_view::npos) return Err{"the bracket is not closed; write [IPV6]:PORT"s};
  if (colon == std::string_view::npos || (bracketed && colon < bracket))
    return Err{"the port is missing; add one, such as :51820"s};
  if (!bracketed && text.find(':') != colon) return Err{"an IPv6 address needs brackets: write [IPV6]:PORT"s};

  const auto port = parse_number(text.substr(colon + 1), 1, 65535);
  if (!port) return Err{"what follows the last colon is not a port from 1 to 65535"s};
  std::string_view host = text.substr(0, colon);
  if (bracketed) {
    if (bracket + 1 != colon) return Err{"only :PORT may follow the bracket"s};
    host = host.substr(1, host.size() - 2);
    const std::string_view address = host.substr(0, host.find('%'));
    const auto parsed = parse_address(address);
    if (!parsed || parsed->family != Family::v6) return Err{"what stands in the brackets is not an IPv6 address"s};
    const std::string_view scope = address.size() < host.size() ? host.substr(address.size() + 1) : "lo";
    if (!io::is_interface_name(scope)) return Err{"what follows '%' is not an interface"s};
  } else if (!parse_address(host)) {
    if (host.find_first_not_of("0123456789.") == std::string_view::npos)
      return Err{"neither an IPv4 address nor a name stands before the port"s};
    if (!is_host_name(host)) return Err{"the name before the port is not a host name"s};
  }
  return HostPort{.host = std::string(host), .port = static_cast<std::uint16_t>(*port)};
}

Parsed<std::uint32_t> parse_mark(std::string_view text) {
  if (equals_ignoring_case(text, "off")) return std::uint32_t{0};
  const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
  const auto value = hexadecimal ? whole_number(text.substr(2), 16) : whole_number(text, 10);
  if (!value) return Err{"not a mark; write a number up to 4294967295, also as 0x1234, or \"off\""s};
  return *value;
}

Parsed<std::chrono::seconds> parse_keepalive(std::string_view text) {
  if (equals_ignoring_case(text, "off")) return std::chrono::seconds(0);
  const auto value = parse_number(text, 0, 65535);
  if (!value) return Err{"not an interval; write seconds from 1 to 65535 (25 suits most NATs), or \"off\""s};
  return std::chrono::seconds(*value);
}

Parsed<RoutingTable> parse_table(std::string_view text) {
  if (equals_ignoring_case(text, "auto")) return RoutingTable{};
  if (equals_ignoring_case(text, "off")) return RoutingTable{.kind = RoutingTable::Kind::off};
  const auto number = parse_mark(text);  // ip(8) takes hexadecimal numbers as well
  if (!number || *number == 0) return Err{"not a routing table; write \"auto\", \"off\", or a number from 1 on"s};
  return RoutingTable{.kind = RoutingTable::Kind::number, .number = *number};
}

Parsed<UnixTime> parse_expiry(std::string_view text) {
  const auto time = date_time(text);
  if (!time) return Err{"not a date; write 2026-12-31 or 2026-12-31T18:00:00Z"s};
  return *time;
}

Parsed<PublicKey> parse_public(std::string_view text) {
  PublicKey key;
  const auto parsed = parse_secret(text, key.octets);
  if (!parsed) return Err{parsed.error()};
  return key;
}

Parsed<void> parse_secret(std::string_view text, std::span<std::uint8_t, 32> key) {
  if (crypto::decode_key(text, key)) return {};
  if (text.size() != crypto::kKeyTextOctets)
    return Err{"not a key: it has " + std::to_string(text.size()) + " characters instead of 44; copy all of it"};
  return Err{"not a key: its 44 characters are not the base64 of 32 octets; copy it again"s};
}

Parsed<Prefix> parse_network(std::string_view text) {
  const auto prefix = parse_prefix(text);
  if (prefix) return *prefix;
  const std::string_view address = text.substr(0, text.find('/'));
  if (const auto parsed = parse_address(address))
    return Err{"the prefix length is not a number from 0 to " + std::to_string(address_bits(parsed->family))};
  return Err{"not an address; write one such as 10.0.0.0/24 or fd00::/64"s};
}

Parsed<std::uint32_t> parse_number(std::string_view text, std::uint32_t least, std::uint32_t most) {
  const auto value = whole_number(text, 10);
  if (!value || *value < least || *value > most)
    return Err{"not a number from " + std::to_string(least) + " to " + std::to_string(most)};
  return *value;
}

bool is_listen_address(std::string_view text) {
  if (text.starts_with("unix:")) return text.substr(5).starts_with('/') && text.size() <= 5 + 107;
  return parse_endpoint(text).has_value();
}

bool is_every_name(std::string_view domain) noexcept { return domain == "." || domain == "~."; }

bool is_search_domain(std::string_view name) noexcept {
  if (is_every_name(name)) return true;  // as systemd-resolved writes it
  if (name.starts_with('~')) name.remove_prefix(1);
  return is_host_name(name);
}

bool may_hold_key(std::string_view text) noexcept {
  constexpr std::size_t kMostOfKey = 36;  // of 43
  std::size_t row = 0;
  for (const char c : text) {
    const bool base64 =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' || c == '/';
    row = base64 ? row + 1 : 0;
    if (row == kMostOfKey) return true;
  }
  return false;
}

bool is_peer_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > 64 || name.front() == '.' || trimmed(name) != name) return false;
  if (may_hold_key(name)) return false;
  for (std::size_t at = 0, length = 0; at < name.size(); at += length) {
    const Utf8Character character = first_character(name.substr(at));
    length = character.octets;
    if (length == 0 || is_control(character.code) || character.code == '/') return false;
  }
  return true;
}

std::string default_peer_name(const PublicKey& key) {
  std::string name = to_base64(key).substr(0, 8);
  std::replace(name.begin(), name.end(), '/', '_');  // it may become a file's name
  return name;
}

std::string to_string(UnixTime time) {
  const auto days = std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds(std::chrono::seconds(time.seconds)));
  const std::chrono::year_month_day date(days);
  const std::int64_t clock = time.seconds - std::int64_t{days.time_since_epoch().count()} * 86400;
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), static_cast<int>(clock / 3600),
                static_cast<int>(clock / 60 % 60), static_cast<int>(clock % 60));
  std::string out = text.data();
  if (time.nanoseconds != 0) {
    std::snprintf(text.data(), text.size(), ".%09u", time.nanoseconds);
    out += text.data();
  }
  return out + 'Z';
}

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view kSpace = " \t\r";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string excerpt(std::string_view text) {
  constexpr std::size_t kLongest = 80;
  if (text.size() <= kLongest) return printable(text);
  std::size_t end = kLongest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return printable(text.substr(0, end)) + "...";
}

std::string printable_key(std::string_view key) {
  constexpr std::size_t kLongestKey = 32;  // "metrics_compatible_names", and room for mistakes
  return key.size() <= kLongestKey ? printable(key) : "(too long for a key)";
}

}  // namespace culvert::config
