// SPDX-License-Identifier: MIT
#include "icmp_unreachable.hpp"

#include <doctest/doctest.h>

#include <ip_packets.hpp>

using namespace culvert;
using namespace culvert::test;

namespace {

using Packet = std::vector<std::uint8_t>;

Packet told(const Packet& packet) {
  Packet out(io::kMostIcmpOctets, 0xee);
  out.resize(io::icmp_unreachable(packet, out));
  return out;
}

Packet part(const Packet& packet, std::size_t at, std::size_t octets) {
  const auto begin = packet.begin() + static_cast<std::ptrdiff_t>(at);
  return {begin, begin + static_cast<std::ptrdiff_t>(octets)};
}

Packet v4(std::size_t octets = 64) {
  return udp_packet({.source = "10.0.0.1", .destination = "10.0.0.9", .octets = octets});
}
Packet v6(std::size_t octets = 96) {
  return udp_packet({.source = "fd00::1", .destination = "fd00::9", .octets = octets});
}

/// The same with another protocol and first octet of the payload.
Packet with(Packet packet, std::uint8_t protocol, std::uint8_t type) {
  const bool is_v4 = packet[0] >> 4 == 4;
  packet[is_v4 ? 9 : 6] = protocol;
  packet[is_v4 ? 20 : 40] = type;
  return packet;
}

}  // namespace

TEST_CASE("an IPv4 sender hears that the host is unreachable, from that host, with its packet quoted") {
  const Packet packet = v4();
  const Packet message = told(packet);
  REQUIRE(message.size() == 20 + 8 + 64);
  CHECK(message[0] == 0x45);
  CHECK(message[1] == 0xc0);
  CHECK(part(message, 2, 2) == Packet{0, 92});
  CHECK(message[8] == 64);
  CHECK(message[9] == 1);
  CHECK(part(message, 12, 8) == Packet{10, 0, 0, 9, 10, 0, 0, 1});
  CHECK(internet_checksum(part(message, 0, 20)) == 0);
  CHECK(part(message, 20, 2) == Packet{3, 1});
  CHECK(part(message, 24, 4) == Packet{0, 0, 0, 0});
  CHECK(internet_checksum(part(message, 20, message.size() - 20)) == 0);
  CHECK(part(message, 28, 64) == packet);
}

TEST_CASE("an IPv6 sender hears that the address is unreachable") {
  const Packet packet = v6();
  const Packet message = told(packet);
  REQUIRE(message.size() == 40 + 8 + 96);
  CHECK(part(message, 0, 8) == Packet{0x6c, 0, 0, 0, 0, 104, 58, 64});
  CHECK(part(message, 8, 16) == part(packet, 24, 16));
  CHECK(part(message, 24, 16) == part(packet, 8, 16));
  CHECK(part(message, 40, 2) == Packet{1, 3});
  CHECK(part(message, 48, 96) == packet);
  Packet summed = part(message, 8, 32);  // the pseudo header [RFC 8200 8.1]
  for (const std::uint8_t octet : Packet{0, 0, 0, 104, 0, 0, 0, 58}) summed.push_back(octet);
  summed.insert(summed.end(), message.begin() + 40, message.end());
  CHECK(internet_checksum(summed) == 0);
}

TEST_CASE("a long packet is quoted as far as every host takes the message") {
  CHECK(told(v4(1400)).size() == 576);
  CHECK(told(v6(1400)).size() == 1280);
  CHECK(part(told(v4(1400)), 28, 548) == part(v4(1400), 0, 548));
  CHECK(internet_checksum(part(told(v4(1401)), 20, 556)) == 0);
}

TEST_CASE("requests and replies of ICMP are answered, its errors never") {
  for (const std::uint8_t type : Packet{0, 8, 13, 14, 17, 18}) CHECK_FALSE(told(with(v4(), 1, type)).empty());
  for (const std::uint8_t type : Packet{3, 4, 5, 11, 12, 19, 40, 255}) CHECK(told(with(v4(), 1, type)).empty());
  for (const std::uint8_t type : Packet{128, 129, 135}) CHECK_FALSE(told(with(v6(), 58, type)).empty());
  for (const std::uint8_t type : Packet{1, 2, 3, 4, 100, 127}) CHECK(told(with(v6(), 58, type)).empty());
}

TEST_CASE("an ICMPv6 error behind extension headers is an error still") {
  Packet packet = v6();
  packet[6] = 60;  // destination options, 8 octets
  packet[40] = 58;
  packet[41] = 0;
  packet[48] = 1;
  CHECK(told(packet).empty());
  packet[48] = 128;
  CHECK_FALSE(told(packet).empty());
  packet[41] = 255;  // beyond the packet
  CHECK(told(packet).empty());
}

TEST_CASE("a first fragment is answered, a later one is not") {
  Packet packet = v4();
  packet[6] = 0x20;  // more fragments
  CHECK_FALSE(told(packet).empty());
  packet[7] = 1;
  CHECK(told(packet).empty());
  packet[6] = 0x01;
  packet[7] = 0;
  CHECK(told(packet).empty());

  Packet long_one = v6();
  long_one[6] = 44;
  for (std::size_t i = 40; i < 48; ++i) long_one[i] = 0;
  long_one[40] = 17;
  long_one[43] = 1;  // more fragments
  CHECK_FALSE(told(long_one).empty());
  long_one[43] = 8;
  CHECK(told(long_one).empty());
}

TEST_CASE("addresses of many and of none are never answered") {
  const auto silent = [](std::string_view source, std::string_view destination) {
    return told(udp_packet({.source = source, .destination = destination})).empty();
  };
  CHECK(silent("10.0.0.1", "224.0.0.1"));
  CHECK(silent("10.0.0.1", "239.255.255.250"));
  CHECK(silent("10.0.0.1", "255.255.255.255"));
  CHECK(silent("0.0.0.0", "10.0.0.9"));
  CHECK(silent("224.0.0.1", "10.0.0.9"));
  CHECK(silent("fd00::1", "ff02::2"));
  CHECK(silent("::", "fd00::9"));
  CHECK_FALSE(silent("10.0.0.1", "223.255.255.1"));
}

TEST_CASE("what is no IP packet is not answered, however short") {
  for (std::size_t octets = 0; octets < 40; ++octets) CHECK(told(Packet(octets, 0x60)).empty());
  for (std::size_t octets = 0; octets < 20; ++octets) CHECK(told(part(v4(), 0, octets)).empty());
}
