// SPDX-License-Identifier: MIT
// What travels inside, and how datagrams outside are told apart. Layouts are typed again from the protocol's
// description: nothing here includes a header of src/.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include <culvert/address.hpp>

namespace culvert::sim {

/// A numbered IPv4 packet. Its length and its filling follow from the number, so that damage shows.
struct Numbered {
  IpAddress source;
  IpAddress destination;
  std::uint64_t number = 0;
};

inline constexpr std::size_t kNumberAt = 20;  // after the IPv4 header
inline constexpr std::size_t kFillingAt = 28;

inline std::size_t length_of(std::uint64_t number) { return kFillingAt + static_cast<std::size_t>(number % 61); }
inline std::uint8_t filling_of(std::uint64_t number, std::size_t i) {
  return static_cast<std::uint8_t>(number * 7 + i);
}

inline std::vector<std::uint8_t> make_packet(const Numbered& p) {
  std::vector<std::uint8_t> packet(length_of(p.number));
  packet[0] = 0x45;
  packet[3] = static_cast<std::uint8_t>(packet.size());
  packet[8] = 64;
  packet[9] = 253;
  std::copy_n(p.source.octets.begin(), 4, packet.begin() + 12);
  std::copy_n(p.destination.octets.begin(), 4, packet.begin() + 16);
  for (std::size_t i = 0; i < 8; ++i) packet[kNumberAt + i] = static_cast<std::uint8_t>(p.number >> (8 * i));
  for (std::size_t i = kFillingAt; i < packet.size(); ++i) packet[i] = filling_of(p.number, i);
  return packet;
}

/// nullopt: not a packet that `make_packet` made.
inline std::optional<Numbered> read_packet(Bytes packet) {
  if (packet.size() < kFillingAt || packet[0] != 0x45) return std::nullopt;
  Numbered p;
  std::copy_n(packet.begin() + 12, 4, p.source.octets.begin());
  std::copy_n(packet.begin() + 16, 4, p.destination.octets.begin());
  for (std::size_t i = 0; i < 8; ++i) p.number |= std::uint64_t{packet[kNumberAt + i]} << (8 * i);
  const auto expected = make_packet(p);
  return std::equal(packet.begin(), packet.end(), expected.begin(), expected.end()) ? std::optional(p) : std::nullopt;
}

enum class Kind : std::uint8_t { initiation, response, cookie_reply, keepalive, data, junk };

/// By type and length: 148, 92 and 64 octets; data from 32 on, of which exactly 32 are a keepalive.
inline Kind kind_of(Bytes datagram) {
  const std::size_t n = datagram.size();
  if (n < 32) return Kind::junk;
  if (datagram[0] == 1 && n == 148) return Kind::initiation;
  if (datagram[0] == 2 && n == 92) return Kind::response;
  if (datagram[0] == 3 && n == 64) return Kind::cookie_reply;
  if (datagram[0] == 4) return n == 32 ? Kind::keepalive : Kind::data;
  return Kind::junk;
}

}  // namespace culvert::sim
