// SPDX-License-Identifier: MIT
// Views of inner IP headers. Nothing here trusts a length that the packet states.
#pragma once

#include <optional>

#include <culvert/address.hpp>

namespace culvert::wire {

struct IpView {
  Family family;
  IpAddress source;
  IpAddress destination;
  std::size_t total_octets;  // by the header; at most the packet's size
};

/// nullopt: no IPv4 or IPv6 header, a header cut short, or a stated length below the header or beyond the packet.
[[nodiscard]] std::optional<IpView> parse_ip(Bytes packet) noexcept;

struct UdpPorts {
  std::uint16_t source = 0;
  std::uint16_t destination = 0;

  friend bool operator==(const UdpPorts&, const UdpPorts&) = default;
};

/// Of a packet that `parse_ip` accepted. nullopt: not UDP, not a first fragment, or behind IPv6 extension headers other
/// than a fragment header.
[[nodiscard]] std::optional<UdpPorts> udp_ports(Bytes packet) noexcept;

/// The two ECN bits of [RFC 3168].
enum class Ecn : std::uint8_t { not_ect = 0, ect1 = 1, ect0 = 2, ce = 3 };

/// Of a packet that `parse_ip` accepted.
[[nodiscard]] Ecn ecn(Bytes packet) noexcept;

/// Merges the outer ECN into a packet that `parse_ip` accepted, by the decapsulation table of [RFC 6040 4.2]
/// (an IPv4 header checksum is adjusted). False: that table says drop; the packet is unchanged.
[[nodiscard]] bool decapsulate_ecn(Ecn outer, MutBytes packet) noexcept;

}  // namespace culvert::wire
