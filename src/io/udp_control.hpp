// SPDX-License-Identifier: MIT
// Control data beside a datagram: the sticky source, TOS and segment size on the way out; the local address, ECN,
// segment size and the count of lost datagrams on the way in.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <optional>
#include <span>

#include <culvert/address.hpp>

#include "ip.hpp"

namespace culvert::io {

inline constexpr std::size_t kOutControlOctets =
    CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(std::uint16_t));
/// Room for all that the socket's options ask for, and once more: what a future kernel adds must not cut ours off.
inline constexpr std::size_t kInControlOctets = 256;

struct OutControl {
  Family family = Family::v4;
  std::optional<Source> from;
  std::uint8_t tos = 0;              // 0: the socket's own, which is 0
  std::uint16_t segment_octets = 0;  // 0: one datagram
};

/// Writes control messages from the buffer's start; the buffer is aligned for cmsghdr. \returns the octets used.
[[nodiscard]] std::size_t write_control(const OutControl& control,
                                        std::span<std::byte, kOutControlOctets> buffer) noexcept;

struct InControl {
  std::optional<Source> local;
  wire::Ecn ecn = wire::Ecn::not_ect;
  std::size_t segment_octets = 0;      // 0: the kernel named none
  std::optional<std::uint32_t> drops;  // the socket's whole count, modulo 2^32
};

/// Reads what one recvmsg left; unknown, short and repeated control messages are harmless.
[[nodiscard]] InControl read_control(const msghdr& message) noexcept;

}  // namespace culvert::io
