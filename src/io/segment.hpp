// SPDX-License-Identifier: MIT
#pragma once

#include <culvert/bytes.hpp>
#include <culvert/drop.hpp>
#include <culvert/result.hpp>

#include "checksum.hpp"
#include "vnet.hpp"

namespace culvert::io {

/// How a super-packet falls into packets. All packets but the last have the same size, and the last is not larger.
/// Any packet can be written at any time and more than once, so that a long super-packet fills several trains.
struct SegmentPlan {
  enum class Cut : std::uint8_t { whole, tcp, udp };

  Bytes packet;  // borrowed: until the buffer of the super-packet is read into again
  Cut cut = Cut::whole;
  std::size_t count = 1;           // packets that come out, at least 1
  std::size_t header_octets = 0;   // in front of each packet: IP and transport; 0 with Cut::whole
  std::size_t payload_octets = 0;  // of each packet but the last
  std::size_t transport_start = 0;
  std::size_t checksum_at = 0;  // of the field in the packet; 0: nothing to finish (Cut::whole)
  ChecksumSum pseudo{};         // without the length, which each packet adds

  /// Octets of packet `index` < count.
  [[nodiscard]] std::size_t size(std::size_t index) const noexcept {
    const std::size_t from = header_octets + index * payload_octets;
    if (count == 1) return packet.size();
    return header_octets + (index + 1 < count ? payload_octets : packet.size() - from);
  }
  /// Octets of the largest packet: compare it with the room of a slot, and with the MTU.
  [[nodiscard]] std::size_t largest() const noexcept { return size(0); }
};

/// Checks a super-packet and works out its packets. Nothing that header or packet states is taken on trust.
/// \returns Drop::not_ip, or Drop::inner_malformed when header and packet contradict each other.
[[nodiscard]] Result<SegmentPlan, Drop> plan(const VnetHeader& header, Bytes packet) noexcept;

/// Writes packet `index` whole: headers, payload, every length and checksum.
/// \returns its size; 0 when there is no such packet or `out` is too small for it, and then nothing was written.
[[nodiscard]] std::size_t write_segment(const SegmentPlan& plan, std::size_t index, MutBytes out) noexcept;

}  // namespace culvert::io
