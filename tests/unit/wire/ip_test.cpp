// SPDX-License-Identifier: MIT
#include "ip.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <hex.hpp>
#include <random>
#include <vector>

using namespace culvert;
using namespace culvert::test;
using wire::Ecn;

namespace {

using Packet = std::vector<std::uint8_t>;

/// The sum that a right IPv4 header gives is 0xffff [RFC 791 3.1]; computed from scratch.
std::uint16_t header_sum(Bytes packet) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < 4u * (packet[0] & 15u); i += 2) sum += packet[i] * 256u + packet[i + 1];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

void set_checksum(Packet& packet) {
  packet[10] = packet[11] = 0;
  const auto checksum = static_cast<std::uint16_t>(~header_sum(packet));
  packet[10] = static_cast<std::uint8_t>(checksum >> 8);
  packet[11] = static_cast<std::uint8_t>(checksum);
}

/// 192.0.2.1 to 198.51.100.7, a header of `words` 32-bit words, `payload` octets of UDP.
Packet ipv4(std::size_t words, std::size_t payload, std::uint8_t traffic_class = 0) {
  Packet packet = unhex("45000000beef400040110000c0000201c6336407");
  packet.resize(words * 4 + payload, 0x11);
  packet[0] = static_cast<std::uint8_t>(0x40 + words);
  packet[1] = traffic_class;
  packet[2] = static_cast<std::uint8_t>(packet.size() >> 8);
  packet[3] = static_cast<std::uint8_t>(packet.size());
  set_checksum(packet);
  return packet;
}

/// 2001:db8::1 to fd00::7, `payload` octets.
Packet ipv6(std::size_t payload, std::uint8_t traffic_class = 0) {
  Packet packet = unhex("600abcde0000114020010db8000000000000000000000001fd000000000000000000000000000007");
  packet[0] = static_cast<std::uint8_t>(0x60 | traffic_class >> 4);
  packet[1] = static_cast<std::uint8_t>((packet[1] & 0x0f) | traffic_class << 4);
  packet[4] = static_cast<std::uint8_t>(payload >> 8);
  packet[5] = static_cast<std::uint8_t>(payload);
  packet.resize(40 + payload, 0x22);
  return packet;
}

std::uint8_t traffic_class_of(const Packet& packet) {
  if (packet[0] >> 4 == 4) return packet[1];
  return static_cast<std::uint8_t>(packet[0] << 4 | packet[1] >> 4);
}

}  // namespace

TEST_CASE("an IPv4 header gives its addresses and length") {
  const auto view = wire::parse_ip(ipv4(5, 100));
  REQUIRE(view);
  CHECK(view->family == Family::v4);
  CHECK(hex(view->source.bytes()) == "c0000201");
  CHECK(hex(view->destination.bytes()) == "c6336407");
  CHECK(view->source.family == Family::v4);
  CHECK(hex(Bytes(view->source.octets).subspan(4)) == "000000000000000000000000");
  CHECK(view->total_octets == 120);
}

TEST_CASE("an IPv6 header gives its addresses and length") {
  const auto view = wire::parse_ip(ipv6(100));
  REQUIRE(view);
  CHECK(view->family == Family::v6);
  CHECK(hex(view->source.bytes()) == "20010db8000000000000000000000001");
  CHECK(hex(view->destination.bytes()) == "fd000000000000000000000000000007");
  CHECK(view->destination.family == Family::v6);
  CHECK(view->total_octets == 140);
}

TEST_CASE("padding after the packet is not part of it") {
  Packet four = ipv4(5, 7);
  four.resize(four.size() + 15);
  CHECK(wire::parse_ip(four).value().total_octets == 27);
  Packet six = ipv6(0);
  six.resize(six.size() + 15);
  CHECK(wire::parse_ip(six).value().total_octets == 40);
}

TEST_CASE("a packet cut short anywhere is refused") {
  for (const Packet& whole : {ipv4(5, 30), ipv4(15, 30), ipv6(30)}) {
    REQUIRE(wire::parse_ip(whole));
    for (std::size_t length = 0; length < whole.size(); ++length) {
      CAPTURE(length);
      // A copy of exactly this length, so that a sanitizer sees a read beyond it.
      CHECK_FALSE(wire::parse_ip(Packet(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length))));
    }
  }
}

TEST_CASE("only versions 4 and 6 are IP") {
  for (unsigned version = 0; version < 16; ++version) {
    Packet packet = ipv4(5, 40);
    packet[0] = static_cast<std::uint8_t>(version << 4 | 5);
    packet[4] = packet[5] = 0;  // an IPv6 payload length that would fit
    CHECK(wire::parse_ip(packet).has_value() == (version == 4 || version == 6));
  }
}

TEST_CASE("every IPv4 header length and total length") {
  for (std::size_t words = 0; words < 16; ++words)
    for (std::size_t total = 0; total < 65536; total += total < 200 ? 1 : 113) {
      Packet packet = ipv4(15, 40);
      packet[0] = static_cast<std::uint8_t>(0x40 + words);
      packet[2] = static_cast<std::uint8_t>(total >> 8);
      packet[3] = static_cast<std::uint8_t>(total);
      const bool right = words >= 5 && total >= words * 4 && total <= 100;
      const auto view = wire::parse_ip(packet);
      if (view.has_value() != right || (view && view->total_octets != total)) FAIL(words << " words, " << total);
    }
}

TEST_CASE("every IPv6 payload length") {
  for (std::size_t payload = 0; payload < 65536; ++payload) {
    Packet packet = ipv6(60);
    packet[4] = static_cast<std::uint8_t>(payload >> 8);
    packet[5] = static_cast<std::uint8_t>(payload);
    const auto view = wire::parse_ip(packet);
    if (view.has_value() != (payload <= 60) || (view && view->total_octets != 40 + payload)) FAIL(payload);
  }
}

TEST_CASE("the ECN bits are the last two of the traffic class") {
  for (unsigned octet = 0; octet < 256; ++octet) {
    const auto traffic_class = static_cast<std::uint8_t>(octet);
    CHECK(static_cast<unsigned>(wire::ecn(ipv4(5, 0, traffic_class))) == (octet & 3));
    CHECK(static_cast<unsigned>(wire::ecn(ipv6(0, traffic_class))) == (octet & 3));
  }
}

TEST_CASE("decapsulation follows the table of RFC 6040 figure 4") {
  // Rows as printed: inner, then what leaves for outer Not-ECT, ECT(0), ECT(1), CE.
  constexpr int kDrop = -1;
  constexpr int kNotEct = 0b00, kEct1 = 0b01, kEct0 = 0b10, kCe = 0b11;
  const int outers[] = {kNotEct, kEct0, kEct1, kCe};
  const struct {
    int inner;
    int leaves[4];
  } rows[] = {
      {kNotEct, {kNotEct, kNotEct, kNotEct, kDrop}},
      {kEct0, {kEct0, kEct0, kEct1, kCe}},
      {kEct1, {kEct1, kEct1, kEct1, kCe}},
      {kCe, {kCe, kCe, kCe, kCe}},
  };
  for (const auto& row : rows)
    for (std::size_t o = 0; o < 4; ++o)
      for (int dscp = 0; dscp < 64; ++dscp) {
        const auto before = static_cast<std::uint8_t>(dscp << 2 | row.inner);
        for (const Packet& original : {ipv4(5, 9, before), ipv4(7, 9, before), ipv6(9, before)}) {
          CAPTURE(row.inner);
          CAPTURE(outers[o]);
          CAPTURE(dscp);
          Packet packet = original;
          const bool kept = wire::decapsulate_ecn(static_cast<Ecn>(outers[o]), packet);
          REQUIRE(kept == (row.leaves[o] != kDrop));
          if (!kept) {
            REQUIRE(packet == original);
            continue;
          }
          // The same packet as if it had been made with that traffic class, checksum and all.
          const auto after = static_cast<std::uint8_t>(dscp << 2 | row.leaves[o]);
          REQUIRE(traffic_class_of(packet) == after);
          Packet expected = original;
          if (original[0] >> 4 == 4) {
            expected[1] = after;
            set_checksum(expected);
          } else {
            expected = ipv6(9, after);
          }
          REQUIRE(packet == expected);
        }
      }
}

TEST_CASE("an IPv4 checksum stays right when ECN changes, whatever else the header says") {
  std::mt19937 random(20260704);
  for (int i = 0; i < 200000; ++i) {
    Packet packet = ipv4(5 + random() % 11, 0);
    for (std::size_t at = 4; at < packet.size(); ++at) packet[at] = static_cast<std::uint8_t>(random());
    packet[1] = static_cast<std::uint8_t>((random() & 0xfc) | 0b10);
    set_checksum(packet);
    REQUIRE(wire::decapsulate_ecn(random() % 2 == 0 ? Ecn::ce : Ecn::ect1, packet));
    if (header_sum(packet) != 0xffff) FAIL("wrong after ", i);
  }
}

TEST_CASE("a wrong IPv4 checksum stays wrong") {
  Packet packet = ipv4(5, 0, 0b10);
  packet[10] ^= 0x40;
  REQUIRE(wire::decapsulate_ecn(Ecn::ce, packet));
  CHECK(header_sum(packet) != 0xffff);
}

TEST_CASE("the UDP ports of a packet are found behind its header") {
  for (std::size_t words = 5; words < 16; ++words) {
    Packet packet = ipv4(words, 8);
    packet[words * 4] = 0xca;
    packet[words * 4 + 1] = 0x6c;
    packet[words * 4 + 2] = 0x00;
    packet[words * 4 + 3] = 0x35;
    CHECK(wire::udp_ports(packet) == wire::UdpPorts{51820, 53});
  }
  Packet six = ipv6(8);
  six[40] = 0xca;
  six[41] = 0x6c;
  six[42] = 0x00;
  six[43] = 0x35;
  CHECK(wire::udp_ports(six) == wire::UdpPorts{51820, 53});
}

TEST_CASE("what is not UDP has no ports") {
  for (unsigned protocol = 0; protocol < 256; ++protocol) {
    Packet four = ipv4(5, 64);
    four[9] = static_cast<std::uint8_t>(protocol);
    CHECK(wire::udp_ports(four).has_value() == (protocol == 17));
    Packet six = ipv6(64);
    six[6] = static_cast<std::uint8_t>(protocol);
    six[40] = 58;  // behind a fragment header: ICMPv6
    CHECK(wire::udp_ports(six).has_value() == (protocol == 17));
  }
}

TEST_CASE("a first fragment has ports, a later one has none") {
  Packet four = ipv4(5, 64);
  four[6] = 0x20;  // more fragments
  CHECK(wire::udp_ports(four));
  for (int bit = 0; bit < 13; ++bit) {
    four[6] = static_cast<std::uint8_t>(bit >= 8 ? 1 << (bit - 8) : 0);
    four[7] = static_cast<std::uint8_t>(bit < 8 ? 1 << bit : 0);
    CHECK_FALSE(wire::udp_ports(four));
  }
  Packet six = ipv6(64);
  six[6] = 44;
  six[40] = 17;
  six[42] = 0x00;
  six[43] = 0x01;  // more fragments
  six[48] = 0xca;
  six[49] = 0x6c;
  six[50] = 0x00;
  six[51] = 0x35;
  CHECK(wire::udp_ports(six) == wire::UdpPorts{51820, 53});
  for (int bit = 3; bit < 16; ++bit) {
    six[42] = static_cast<std::uint8_t>(bit >= 8 ? 1 << (bit - 8) : 0);
    six[43] = static_cast<std::uint8_t>(bit < 8 ? 1 << bit : 0);
    CHECK_FALSE(wire::udp_ports(six));
  }
}

TEST_CASE("ports that were cut off are not read") {
  for (std::size_t payload = 0; payload < 8; ++payload) {
    CHECK(wire::udp_ports(ipv4(5, payload)).has_value() == (payload >= 4));
    CHECK(wire::udp_ports(ipv4(15, payload)).has_value() == (payload >= 4));
    CHECK(wire::udp_ports(ipv6(payload)).has_value() == (payload >= 4));
  }
  for (std::size_t payload = 0; payload < 16; ++payload) {
    Packet six = ipv6(payload);
    six[6] = 44;
    if (payload > 0) six[40] = 17;
    for (std::size_t i = 41; i < std::min<std::size_t>(six.size(), 48); ++i) six[i] = 0;
    CHECK(wire::udp_ports(six).has_value() == (payload >= 12));
  }
}
