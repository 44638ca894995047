// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace culvert::io {

/// What lies in front of each packet on a TUN queue with IFF_VNET_HDR: the kernel's `struct virtio_net_hdr`, in host
/// order [K include/uapi/linux/virtio_net.h]. All zero: one plain packet. What the kernel hands us is checked by
/// `plan`.
struct VnetHeader {
  std::uint8_t flags = 0;
  std::uint8_t gso_type = 0;
  std::uint16_t hdr_len = 0;      // advice only: on forwarded packets it can cover the payload as well
  std::uint16_t gso_size = 0;     // payload octets of each packet but the last
  std::uint16_t csum_start = 0;   // the transport header
  std::uint16_t csum_offset = 0;  // of the field, from csum_start
};
static_assert(sizeof(VnetHeader) == 10 && alignof(VnetHeader) == 2);

inline constexpr std::uint8_t kVnetNeedsChecksum =
    1;  // the field holds the pseudo header's sum; the rest is to be added

inline constexpr std::uint8_t kGsoNone = 0;
inline constexpr std::uint8_t kGsoTcp4 = 1;
inline constexpr std::uint8_t kGsoTcp6 = 4;
inline constexpr std::uint8_t kGsoUdp = 5;     // both families; since Linux 6.2
inline constexpr std::uint8_t kGsoEcn = 0x80;  // beside TCP: CWR belongs to the first packet alone

/// How far the kernel hands over packets in bulk. Each step includes those before it.
enum class TunOffload : std::uint8_t {
  none,    // no vnet header
  header,  // a vnet header, but one packet a call with finished checksums
  tcp,     // TSO
  udp,     // USO (Linux 6.2)
};

/// Room for whatever one read of a TUN queue brings: the kernel's GSO limit for devices that do not ask for more.
inline constexpr std::size_t kSuperPacketOctets = 65536;

}  // namespace culvert::io
