// SPDX-License-Identifier: MIT
// Text to addresses and back. The digits are read and written by libc's inet_pton and inet_ntop, which know numeric
// forms only; what is ours is to hand them exactly the octets that belong to the address, and to hold the numbers
// around it (prefix length, port, scope) to one spelling: decimal digits, no sign, no space, no leading zero.
#include <culvert/address.hpp>

#include <algorithm>
#include <array>
#include <charconv>

#include <arpa/inet.h>

namespace culvert {
namespace {

constexpr std::size_t kAddressText = INET6_ADDRSTRLEN;  // 46, with the final zero octet

int af(Family family) noexcept { return family == Family::v4 ? AF_INET : AF_INET6; }

/// A number in its one spelling, 0 to `max`.
std::optional<std::uint32_t> parse_number(std::string_view text, std::uint32_t max) noexcept {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  std::uint32_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || value > max) return std::nullopt;
  return value;
}

std::optional<IpAddress> parse_as(Family family, std::string_view text) noexcept {
  // inet_pton stops at a zero octet: one inside the text must not hide what follows it.
  if (text.size() >= kAddressText || text.find('\0') != std::string_view::npos) return std::nullopt;
  std::array<char, kAddressText> terminated{};
  std::copy(text.begin(), text.end(), terminated.begin());
  IpAddress address{.family = family};
  if (inet_pton(af(family), terminated.data(), address.octets.data()) != 1) return std::nullopt;
  return address;
}

/// What stands between the brackets of an IPv6 endpoint.
std::optional<Endpoint> parse_scoped(std::string_view text) noexcept {
  const std::size_t percent = text.find('%');
  const std::optional<IpAddress> address = parse_as(Family::v6, text.substr(0, percent));
  if (!address) return std::nullopt;
  if (percent == std::string_view::npos) return Endpoint{.address = *address};
  const std::optional<std::uint32_t> scope = parse_number(text.substr(percent + 1), ~std::uint32_t{0});
  if (!scope || *scope == 0 || !is_link_local(*address)) return std::nullopt;
  return Endpoint{.address = *address, .scope_id = *scope};
}

}  // namespace

Prefix masked(Prefix prefix) noexcept {
  prefix.length = std::min(prefix.length, address_bits(prefix.address.family));
  const std::size_t whole = prefix.length / 8;
  for (std::size_t i = whole; i < prefix.address.octets.size(); ++i) {
    const unsigned kept_bits = i == whole ? prefix.length % 8u : 0u;
    prefix.address.octets[i] &= static_cast<std::uint8_t>(0xff00u >> kept_bits);
  }
  return prefix;
}

std::optional<IpAddress> parse_address(std::string_view text) noexcept {
  return parse_as(text.find(':') == std::string_view::npos ? Family::v4 : Family::v6, text);
}

std::optional<Prefix> parse_prefix(std::string_view text) noexcept {
  const std::size_t slash = text.find('/');
  const std::optional<IpAddress> address = parse_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  const std::uint8_t bits = address_bits(address->family);
  if (slash == std::string_view::npos) return Prefix{.address = *address, .length = bits};
  const std::optional<std::uint32_t> length = parse_number(text.substr(slash + 1), bits);
  if (!length) return std::nullopt;
  return Prefix{.address = *address, .length = static_cast<std::uint8_t>(*length)};
}

std::optional<Endpoint> parse_endpoint(std::string_view text) noexcept {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view host = text.substr(0, colon);
  const std::optional<std::uint32_t> port = parse_number(text.substr(colon + 1), 65535);
  if (!port || *port == 0) return std::nullopt;

  std::optional<Endpoint> endpoint;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    endpoint = parse_scoped(host.substr(1, host.size() - 2));
  } else if (const std::optional<IpAddress> address = parse_as(Family::v4, host)) {
    endpoint = Endpoint{.address = *address};
  }
  if (endpoint) endpoint->port = static_cast<std::uint16_t>(*port);
  return endpoint;
}

std::string to_string(const IpAddress& address) {
  std::array<char, kAddressText> text{};
  // Cannot fail: the family is known and the longest form fits.
  inet_ntop(af(address.family), address.octets.data(), text.data(), static_cast<socklen_t>(text.size()));
  return text.data();
}

std::string to_string(const Prefix& prefix) {
  return to_string(prefix.address) + '/' + std::to_string(unsigned{prefix.length});
}

std::string to_string(const Endpoint& endpoint) {
  const std::string port = ':' + std::to_string(unsigned{endpoint.port});
  if (endpoint.address.family == Family::v4) return to_string(endpoint.address) + port;
  const std::string scope = endpoint.scope_id == 0 ? "" : '%' + std::to_string(endpoint.scope_id);
  return '[' + to_string(endpoint.address) + scope + ']' + port;
}

}  // namespace culvert
