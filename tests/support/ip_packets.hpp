// SPDX-License-Identifier: MIT
// Inner packets for tests, header by header from the RFCs.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <string_view>
#include <vector>

#include <culvert/address.hpp>

namespace culvert::test {

inline std::uint16_t internet_checksum(Bytes octets) noexcept {  // [RFC 1071]
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < octets.size(); ++i) sum += i % 2 == 0 ? unsigned{octets[i]} << 8 : unsigned{octets[i]};
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

inline IpAddress address(std::string_view text) {
  const auto parsed = parse_address(text);
  if (!parsed) throw std::invalid_argument("not an address");
  return *parsed;
}
inline Prefix prefix(std::string_view text) {
  const auto parsed = parse_prefix(text);
  if (!parsed) throw std::invalid_argument("not a prefix");
  return *parsed;
}
inline Endpoint endpoint(std::string_view text) {
  const auto parsed = parse_endpoint(text);
  if (!parsed) throw std::invalid_argument("not an endpoint");
  return *parsed;
}

struct UdpPacket {
  std::string_view source;
  std::string_view destination;
  std::size_t octets = 64;  // in all, headers included
  std::uint8_t tos = 0;     // DSCP and ECN
  std::uint16_t from_port = 40000;
  std::uint16_t to_port = 40001;
};

/// IPv4 [RFC 791] or IPv6 [RFC 8200] by the addresses, then UDP [RFC 768] without a checksum, then counting octets.
inline std::vector<std::uint8_t> udp_packet(const UdpPacket& p) {
  const IpAddress source = address(p.source);
  const IpAddress destination = address(p.destination);
  const bool v4 = source.family == Family::v4;
  const std::size_t header = v4 ? 20 : 40;
  if (p.octets < header + 8) throw std::invalid_argument("too short for its headers");
  std::vector<std::uint8_t> packet(p.octets);
  const auto put16 = [&](std::size_t at, std::size_t value) {
    packet[at] = static_cast<std::uint8_t>(value >> 8);
    packet[at + 1] = static_cast<std::uint8_t>(value);
  };
  if (v4) {
    packet[0] = 0x45;
    packet[1] = p.tos;
    put16(2, p.octets);
    packet[8] = 64;
    packet[9] = 17;
    std::copy_n(source.octets.begin(), 4, packet.begin() + 12);
    std::copy_n(destination.octets.begin(), 4, packet.begin() + 16);
    put16(10, internet_checksum(Bytes(packet).first(20)));
  } else {
    packet[0] = static_cast<std::uint8_t>(0x60 | p.tos >> 4);
    packet[1] = static_cast<std::uint8_t>(p.tos << 4);
    put16(4, p.octets - header);
    packet[6] = 17;
    packet[7] = 64;
    std::copy_n(source.octets.begin(), 16, packet.begin() + 8);
    std::copy_n(destination.octets.begin(), 16, packet.begin() + 24);
  }
  put16(header, p.from_port);
  put16(header + 2, p.to_port);
  put16(header + 4, p.octets - header);
  for (std::size_t i = header + 8; i < packet.size(); ++i) packet[i] = static_cast<std::uint8_t>(i);
  return packet;
}

}  // namespace culvert::test
