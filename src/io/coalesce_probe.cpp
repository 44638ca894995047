// SPDX-License-Identifier: MIT
#include "coalesce_probe.hpp"

#include "packet_fields.hpp"

namespace culvert::io {
namespace {

constexpr std::size_t kPayload = 8;  // of each of the two packets

/// Two packets from nowhere to nowhere with TTL 0 and no header checksum: the IP layer drops them at its first look,
/// behind the place where a super-packet is refused.
struct Probe {
  explicit Probe(Transport transport) noexcept {
    const bool is_tcp = transport == Transport::tcp;
    const std::size_t headers = ip4::kHeaderOctets + (is_tcp ? tcp::kHeaderOctets : udp::kHeaderOctets);
    octets = headers + 2 * kPayload;
    header = {.flags = kVnetNeedsChecksum,
              .gso_type = is_tcp ? kGsoTcp4 : kGsoUdp,
              .hdr_len = static_cast<std::uint16_t>(headers),
              .gso_size = kPayload,
              .csum_start = ip4::kHeaderOctets,
              .csum_offset = static_cast<std::uint16_t>(is_tcp ? tcp::kChecksum : udp::kChecksum)};
    packet[0] = 0x45;
    store16(packet, ip4::kTotalLength, octets);
    packet[ip4::kProtocol] = is_tcp ? kProtocolTcp : kProtocolUdp;
    const MutBytes transport_header = MutBytes(packet).subspan(ip4::kHeaderOctets);
    if (is_tcp) {
      transport_header[tcp::kDataOffset] = 0x50;
      transport_header[tcp::kFlags] = tcp::kAckFlag;
    } else {
      store16(transport_header, udp::kLength, octets - ip4::kHeaderOctets);
    }
  }

  VnetHeader header;
  std::array<std::uint8_t, ip4::kHeaderOctets + tcp::kHeaderOctets + 2 * kPayload> packet{};
  std::size_t octets = 0;
};

Result<Coalescing, TunFault> probe(TunQueue& queue, Transport transport) noexcept {
  Probe super(transport);
  const iovec whole{super.packet.data(), super.octets};
  const auto written = queue.write(super.header, {&whole, 1});
  if (written) return Coalescing::on;
  if (written.error().stop == TunStop::refused) return Coalescing::off;
  return Err{written.error()};
}

}  // namespace

Result<CoalesceOptions, TunFault> probe_coalescing(TunQueue& queue, CoalesceOptions wanted) noexcept {
  CoalesceOptions works;
  if (wanted.tcp == Coalescing::on) {
    const auto answer = probe(queue, Transport::tcp);
    if (!answer) return Err{answer.error()};
    works.tcp = *answer;
  }
  if (wanted.udp == Coalescing::on) {
    const auto answer = probe(queue, Transport::udp);
    if (!answer) return Err{answer.error()};
    works.udp = *answer;
  }
  return works;
}

}  // namespace culvert::io
