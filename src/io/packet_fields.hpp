// SPDX-License-Identifier: MIT
// Where the fields of IP, TCP and UDP headers lie, for the files that rewrite them, and numbers in network order.
#pragma once

#include <culvert/bytes.hpp>

namespace culvert::io {

inline constexpr std::uint8_t kProtocolTcp = 6, kProtocolUdp = 17;

namespace ip4 {  // [RFC 791 3.1]
inline constexpr std::size_t kTos = 1, kTotalLength = 2, kId = 4, kFragment = 6, kTtl = 8, kProtocol = 9,
                             kChecksum = 10, kAddresses = 12, kHeaderOctets = 20, kAddressesOctets = 8;
inline constexpr std::uint16_t kDontFragment = 0x4000, kMoreOrOffset = 0x3fff;
}  // namespace ip4

namespace ip6 {  // [RFC 8200 3]
inline constexpr std::size_t kPayloadLength = 4, kNextHeader = 6, kHopLimit = 7, kAddresses = 8, kHeaderOctets = 40,
                             kAddressesOctets = 32;
}

namespace tcp {  // [RFC 9293 3.1], from the start of the TCP header
inline constexpr std::size_t kSequence = 4, kAck = 8, kDataOffset = 12, kFlags = 13, kWindow = 14, kChecksum = 16,
                             kUrgent = 18, kHeaderOctets = 20;
inline constexpr std::uint8_t kFin = 0x01, kSyn = 0x02, kRst = 0x04, kPsh = 0x08, kAckFlag = 0x10, kUrg = 0x20,
                              kEce = 0x40, kCwr = 0x80;
}  // namespace tcp

namespace udp {  // [RFC 768], from the start of the UDP header
inline constexpr std::size_t kLength = 4, kChecksum = 6, kHeaderOctets = 8;
}

[[nodiscard]] inline std::uint16_t load16(Bytes octets, std::size_t at) noexcept {
  return static_cast<std::uint16_t>(octets[at] << 8 | octets[at + 1]);
}
[[nodiscard]] inline std::uint32_t load32(Bytes octets, std::size_t at) noexcept {
  return std::uint32_t{load16(octets, at)} << 16 | load16(octets, at + 2);
}
inline void store16(MutBytes octets, std::size_t at, std::size_t value) noexcept {
  octets[at] = static_cast<std::uint8_t>(value >> 8);
  octets[at + 1] = static_cast<std::uint8_t>(value);
}
inline void store32(MutBytes octets, std::size_t at, std::uint32_t value) noexcept {
  store16(octets, at, value >> 16);
  store16(octets, at + 2, value);
}
inline void store(MutBytes octets, std::size_t at, Octets<2> field) noexcept {
  octets[at] = field[0];
  octets[at + 1] = field[1];
}

/// TCP data offset, in octets: 0 to 60.
[[nodiscard]] inline std::size_t tcp_header_octets(Bytes tcp_header) noexcept {
  return static_cast<std::size_t>(tcp_header[tcp::kDataOffset] >> 4) * 4;
}

}  // namespace culvert::io
