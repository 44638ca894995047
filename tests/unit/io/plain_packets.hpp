// SPDX-License-Identifier: MIT
// Packets for tests, built and judged in the most straightforward way, and with nothing of the code under test: numbers
// are written octet by octet, checksums are summed two octets at a time as [RFC 1071 1] puts it.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace plain {

using Octets = std::vector<std::uint8_t>;

struct Spec {
  int version = 4;
  int protocol = 6;         // 6 or 17
  std::uint8_t source = 1;  // last octet of 10.98.0.0/24 or fd98::/64
  std::uint8_t target = 1;  // last octet of 10.99.0.0/24 or fd99::/64
  std::uint16_t source_port = 1000, target_port = 2000;
  std::uint8_t tos = 0, ttl = 64;
  std::uint32_t flow_label = 0;     // IPv6
  std::uint16_t id = 0;             // IPv4
  std::uint16_t fragment = 0x4000;  // flags and offset; DF
  Octets ip_options{};              // IPv4, a multiple of 4
  Octets extensions{};              // IPv6, starting with a header of type `first_extension`, chained by the caller
  int first_extension = -1;
  std::uint32_t seq = 1, ack = 1;
  std::uint8_t flags = 0x10;
  std::uint8_t reserved = 0;  // low four bits beside the data offset
  std::uint16_t window = 500, urgent = 0;
  Octets tcp_options{};  // a multiple of 4
  Octets payload{};
};

/// A whole packet with right lengths and checksums.
Octets build(const Spec& spec);
/// The same as the kernel hands it over unfinished: the field holds the sum of the pseudo header alone.
Octets build_partial(const Spec& spec);

std::size_t ip_octets(const Spec& spec);
std::size_t header_octets(const Spec& spec);

/// What a super-packet with this content falls into.
std::vector<Octets> split(const Spec& spec, std::size_t payload_octets);

/// Lengths and every checksum of a TCP or UDP packet are right. An empty string, or what is wrong.
std::string flaw(const Octets& packet);

/// As a router leaves it: TTL one lower, and the IPv4 header checksum that goes with it.
Octets forwarded(Octets packet);
/// With an IPv4 identification of zero where DF makes it meaningless.
Octets without_idle_id(Octets packet);

std::uint16_t sum(const Octets& octets, std::size_t from, std::size_t count, std::uint32_t start = 0);

Octets random_octets(std::mt19937_64& random, std::size_t count);
inline std::size_t below(std::mt19937_64& random, std::size_t bound) {
  return static_cast<std::size_t>(random() % bound);
}

}  // namespace plain
