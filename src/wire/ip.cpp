// SPDX-License-Identifier: MIT
#include "ip.hpp"

#include <algorithm>
#include <array>

namespace culvert::wire {
namespace {

constexpr std::size_t kIpv4Octets = 20;  // without options
constexpr std::size_t kIpv6Octets = 40;

std::uint16_t load_be16(Bytes octets) noexcept { return static_cast<std::uint16_t>(octets[0] << 8 | octets[1]); }

void store_be16(std::uint16_t value, MutBytes octets) noexcept {
  octets[0] = static_cast<std::uint8_t>(value >> 8);
  octets[1] = static_cast<std::uint8_t>(value);
}

IpAddress address(Family family, Bytes octets) noexcept {
  IpAddress result{.family = family};
  std::copy(octets.begin(), octets.end(), result.octets.begin());
  return result;
}

std::optional<IpView> parse_ipv4(Bytes packet) noexcept {
  if (packet.size() < kIpv4Octets) return std::nullopt;
  const std::size_t header = std::size_t{4} * (packet[0] & 0x0f);
  const std::size_t total = load_be16(packet.subspan(2, 2));
  if (header < kIpv4Octets || total < header || total > packet.size()) return std::nullopt;
  return IpView{Family::v4, address(Family::v4, packet.subspan(12, 4)), address(Family::v4, packet.subspan(16, 4)),
                total};
}

std::optional<IpView> parse_ipv6(Bytes packet) noexcept {
  if (packet.size() < kIpv6Octets) return std::nullopt;
  const std::size_t total = kIpv6Octets + load_be16(packet.subspan(4, 2));
  if (total > packet.size()) return std::nullopt;
  return IpView{Family::v6, address(Family::v6, packet.subspan(8, 16)), address(Family::v6, packet.subspan(24, 16)),
                total};
}

/// [RFC 6040 4.2]: what leaves the tunnel, by inner row and outer column. nullopt: drop.
constexpr auto kDecapsulated = [] {
  using enum Ecn;
  using Row = std::array<std::optional<Ecn>, 4>;
  return std::array{
      // outer: Not-ECT, ECT(1), ECT(0), CE
      Row{not_ect, not_ect, not_ect, std::nullopt},  // inner Not-ECT
      Row{ect1, ect1, ect1, ce},                     // inner ECT(1)
      Row{ect0, ect1, ect0, ce},                     // inner ECT(0)
      Row{ce, ce, ce, ce},                           // inner CE
  };
}();

/// HC' = ~(~HC + ~m + m') [RFC 1624 eqn. 3]: a checksum that was wrong stays wrong.
std::uint16_t adjusted_checksum(std::uint16_t checksum, std::uint16_t before, std::uint16_t after) noexcept {
  std::uint32_t sum = (checksum ^ 0xffffu) + (before ^ 0xffffu) + after;
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum ^ 0xffffu);
}

void set_ipv4_ecn(Ecn value, MutBytes packet) noexcept {
  const MutBytes first_word = packet.first(2);  // version, header length, traffic class
  const MutBytes checksum = packet.subspan(10, 2);
  const std::uint16_t before = load_be16(first_word);
  const auto after = static_cast<std::uint16_t>((before & ~0x3u) | static_cast<std::uint16_t>(value));
  store_be16(after, first_word);
  store_be16(adjusted_checksum(load_be16(checksum), before, after), checksum);
}

void set_ipv6_ecn(Ecn value, MutBytes packet) noexcept {
  packet[1] = static_cast<std::uint8_t>((packet[1] & ~0x30u) | static_cast<unsigned>(value) << 4);
}

bool is_ipv4(Bytes packet) noexcept { return packet[0] >> 4 == 4; }

}  // namespace

std::optional<IpView> parse_ip(Bytes packet) noexcept {
  if (packet.empty()) return std::nullopt;
  switch (packet[0] >> 4) {
    case 4:
      return parse_ipv4(packet);
    case 6:
      return parse_ipv6(packet);
  }
  return std::nullopt;
}

std::optional<UdpPorts> udp_ports(Bytes packet) noexcept {
  constexpr std::uint8_t kUdp = 17;
  constexpr std::uint8_t kFragmentHeader = 44;
  constexpr std::size_t kFragmentOctets = 8;
  std::uint8_t protocol = 0;
  std::size_t at = 0;
  if (is_ipv4(packet)) {
    at = std::size_t{4} * (packet[0] & 0x0f);
    protocol = packet[9];
    if ((load_be16(packet.subspan(6, 2)) & 0x1fff) != 0) return std::nullopt;  // fragment offset
  } else {
    at = kIpv6Octets;
    protocol = packet[6];
    if (protocol == kFragmentHeader && packet.size() >= at + kFragmentOctets) {
      if ((load_be16(packet.subspan(at + 2, 2)) & 0xfff8) != 0) return std::nullopt;
      protocol = packet[at];
      at += kFragmentOctets;
    }
  }
  if (protocol != kUdp || packet.size() < at + 4) return std::nullopt;
  return UdpPorts{load_be16(packet.subspan(at, 2)), load_be16(packet.subspan(at + 2, 2))};
}

Ecn ecn(Bytes packet) noexcept { return static_cast<Ecn>(is_ipv4(packet) ? packet[1] & 0x3 : packet[1] >> 4 & 0x3); }

bool decapsulate_ecn(Ecn outer, MutBytes packet) noexcept {
  const Ecn inner = ecn(packet);
  const std::optional<Ecn> merged = kDecapsulated[static_cast<std::size_t>(inner)][static_cast<std::size_t>(outer)];
  if (!merged) return false;
  if (*merged == inner) return true;
  if (is_ipv4(packet))
    set_ipv4_ecn(*merged, packet);
  else
    set_ipv6_ecn(*merged, packet);
  return true;
}

}  // namespace culvert::wire
