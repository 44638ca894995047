// SPDX-License-Identifier: MIT
#pragma once

#include <culvert/address.hpp>

namespace culvert::config {

/// All of `inner`'s addresses are in `outer`. Host bits do not count.
[[nodiscard]] inline bool contains(const Prefix& outer, const Prefix& inner) noexcept {
  return inner.address.family == outer.address.family && inner.length >= outer.length &&
         masked({inner.address, outer.length}) == masked(outer);
}

[[nodiscard]] inline bool overlap(const Prefix& a, const Prefix& b) noexcept {
  return contains(a, b) || contains(b, a);
}

/// One address: /32 or /128.
[[nodiscard]] inline Prefix whole(const IpAddress& address) noexcept { return {address, address_bits(address.family)}; }
[[nodiscard]] inline bool is_host(const Prefix& prefix) noexcept {
  return prefix.length == address_bits(prefix.address.family);
}

/// Not reachable from the internet: private, shared (carriers' NAT), link-local, unique local, loopback
/// [RFC 1918, 6598, 3927, 4193, 4291].
[[nodiscard]] inline bool is_private(const IpAddress& address) noexcept {
  if (is_loopback(address) || is_link_local(address)) return true;
  const auto& o = address.octets;
  if (address.family == Family::v6) return (o[0] & 0xfe) == 0xfc;
  return o[0] == 10 || (o[0] == 172 && (o[1] & 0xf0) == 16) || (o[0] == 192 && o[1] == 168) ||
         (o[0] == 100 && (o[1] & 0xc0) == 64);
}

}  // namespace culvert::config
