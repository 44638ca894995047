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
