// SPDX-License-Identifier: MIT
// A TCP stream as a TUN queue hands it over: one header with timestamps, and payload. Fields from [RFC 791], [RFC
// 9293].
#pragma once

#include <vector>

#include "segment.hpp"

namespace culvert::bench {

inline constexpr std::size_t kTcpHeaders = 20 + 32;             // IPv4, TCP with timestamps
inline constexpr std::size_t kTcpPayload = 1420 - kTcpHeaders;  // of a full packet at MTU 1420

struct SuperTcp {
  io::VnetHeader header{.flags = io::kVnetNeedsChecksum,
                        .gso_type = io::kGsoTcp4,
                        .gso_size = kTcpPayload,
                        .csum_start = 20,
                        .csum_offset = 16};
  std::vector<std::uint8_t> packet;
};

/// \param last_port_octet  tells flows apart.
inline SuperTcp super_tcp(std::size_t payload, std::uint8_t last_port_octet = 0) {
  SuperTcp made;
  auto& p = made.packet;
  p.resize(kTcpHeaders + payload);
  p[0] = 0x45;
  p[2] = static_cast<std::uint8_t>(p.size() >> 8);
  p[3] = static_cast<std::uint8_t>(p.size());
  p[6] = 0x40;  // do not fragment
  p[8] = 64;
  p[9] = 6;
  p[12] = p[16] = 10;
  p[15] = 1;
  p[19] = 2;
  p[20] = 0x80;
  p[21] = last_port_octet;
  p[22] = 0x14;
  p[32] = 8 << 4;  // header words
  p[33] = 0x10;    // ACK
  p[40] = p[41] = 1;
  p[42] = 8;
  p[43] = 10;
  for (std::size_t i = kTcpHeaders; i < p.size(); ++i) p[i] = static_cast<std::uint8_t>(i * 7);
  return made;
}

}  // namespace culvert::bench
