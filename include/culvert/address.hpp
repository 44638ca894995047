// SPDX-License-Identifier: MIT
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include <culvert/bytes.hpp>

namespace culvert {

enum class Family : std::uint8_t { v4, v6 };

/// An IPv4 address in the first 4 octets (the rest zero), or an IPv6 address in all 16; network order.
struct IpAddress {
  Family family = Family::v4;
  Octets<16> octets{};

  /// The octets that count: 4 or 16. borrowed: until the address dies.
  [[nodiscard]] Bytes bytes() const noexcept { return Bytes(octets).first(family == Family::v4 ? 4 : 16); }
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

/// Where a peer is reached on the outside.
struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;      // host order
  std::uint32_t scope_id = 0;  // interface of an IPv6 link-local address, else 0

  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

/// The local address and interface on which a peer last reached us: answers leave from there.
struct Source {
  IpAddress address;
  std::uint32_t interface_index = 0;

  friend auto operator<=>(const Source&, const Source&) = default;
};

/// An address with a prefix length in bits (0 to 32, or 0 to 128).
struct Prefix {
  IpAddress address;
  std::uint8_t length = 0;

  friend auto operator<=>(const Prefix&, const Prefix&) = default;
};

/// 32 or 128.
[[nodiscard]] constexpr std::uint8_t address_bits(Family family) noexcept { return family == Family::v4 ? 32 : 128; }

/// The same prefix with all host bits zero.
[[nodiscard]] Prefix masked(Prefix prefix) noexcept;

/// 127.0.0.0/8 or ::1.
[[nodiscard]] constexpr bool is_loopback(const IpAddress& address) noexcept {
  constexpr IpAddress kOne{Family::v6, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
  return address.family == Family::v6 ? address.octets == kOne.octets : address.octets[0] == 127;
}
/// Means something on one link only [RFC 3927, RFC 4291 2.5.6]: 169.254.0.0/16 or fe80::/10.
[[nodiscard]] constexpr bool is_link_local(const IpAddress& address) noexcept {
  const auto& o = address.octets;
  return address.family == Family::v6 ? o[0] == 0xfe && (o[1] & 0xc0) == 0x80 : o[0] == 169 && o[1] == 254;
}
/// The address of a group [RFC 5771, RFC 4291 2.7]: 224.0.0.0/4 or ff00::/8.
[[nodiscard]] constexpr bool is_multicast(const IpAddress& address) noexcept {
  return address.family == Family::v6 ? address.octets[0] == 0xff : (address.octets[0] & 0xf0) == 0xe0;
}

/// Numeric forms only: "192.0.2.1", "2001:db8::1". nullopt: anything else.
[[nodiscard]] std::optional<IpAddress> parse_address(std::string_view text) noexcept;
/// "ADDRESS/LENGTH"; without a length the whole address. Host bits are kept. nullopt: anything else.
[[nodiscard]] std::optional<Prefix> parse_prefix(std::string_view text) noexcept;
/// "192.0.2.1:51820", "[2001:db8::1]:51820", "[fe80::1%3]:51820" (scope as a number). nullopt: anything else.
[[nodiscard]] std::optional<Endpoint> parse_endpoint(std::string_view text) noexcept;

[[nodiscard]] std::string to_string(const IpAddress& address);
[[nodiscard]] std::string to_string(const Prefix& prefix);
[[nodiscard]] std::string to_string(const Endpoint& endpoint);

}  // namespace culvert
