// SPDX-License-Identifier: MIT
// Cuts what one read of a TUN queue brought into the packets that go outside. `plan` looks and decides, once for each
// super-packet; `write_segment` then copies one packet to its slot, which is the only copy on the way out.
//
// The vnet header is advice from outside this program. All that it says is held against the packet, and where the
// packet tells the same thing (where the transport header starts, how long it is, the pseudo header), the packet is
// asked:
//  [1] the IP header fits, and a super-packet is as long as it states
//  [2] the kind of GSO fits the IP version and the protocol
//  [3] gso_size is not zero
//  [4] csum_start and csum_offset, when given, point to the checksum field of that protocol
//  [5] the transport header lies within the packet
#include "segment.hpp"

#include <algorithm>
#include <optional>

#include "ip.hpp"
#include "packet_fields.hpp"

namespace culvert::io {
namespace {

using Cut = SegmentPlan::Cut;

struct TransportPlace {
  std::size_t start = 0;
  bool routed = false;  // an IPv6 routing header: the pseudo header's destination is not the one in the IP header
};

/// Where the header of `protocol` starts, behind IPv4 options or IPv6 extension headers. nullopt: not there.
std::optional<TransportPlace> find_transport(Bytes packet, Family family, std::uint8_t protocol) noexcept {
  if (family == Family::v4) {
    const bool fragment = (load16(packet, ip4::kFragment) & ip4::kMoreOrOffset) != 0;
    if (fragment || packet[ip4::kProtocol] != protocol) return std::nullopt;
    return TransportPlace{.start = static_cast<std::size_t>(packet[0] & 0x0f) * 4};
  }
  constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kDestinationOptions = 60;  // [RFC 8200 4]
  TransportPlace place{.start = ip6::kHeaderOctets};
  std::uint8_t next = packet[ip6::kNextHeader];
  while (next != protocol) {
    if (next != kHopByHop && next != kRouting && next != kDestinationOptions) return std::nullopt;
    if (packet.size() - place.start < 8) return std::nullopt;
    place.routed = place.routed || next == kRouting;
    next = packet[place.start];
    const std::size_t octets = (packet[place.start + 1] + std::size_t{1}) * 8;
    if (packet.size() - place.start < octets) return std::nullopt;
    place.start += octets;
  }
  return place;
}

Result<SegmentPlan, Drop> plan_whole(const VnetHeader& header, Bytes packet) noexcept {
  SegmentPlan plan{.packet = packet};
  if ((header.flags & kVnetNeedsChecksum) == 0) return plan;
  plan.transport_start = header.csum_start;
  plan.checksum_at = std::size_t{header.csum_start} + header.csum_offset;
  if (plan.transport_start < ip4::kHeaderOctets || plan.checksum_at + 2 > packet.size()) {
    return Err{Drop::inner_malformed};  // [4]
  }
  return plan;
}

/// The pseudo header without its length.
ChecksumSum pseudo_of(Bytes packet, Family family, std::uint8_t protocol) noexcept {
  const Bytes addresses = family == Family::v4 ? packet.subspan(ip4::kAddresses, ip4::kAddressesOctets)
                                               : packet.subspan(ip6::kAddresses, ip6::kAddressesOctets);
  return pseudo_header(addresses, protocol, 0);
}

/// The same, out of what the kernel left in the checksum field: the only source that knows the final destination.
ChecksumSum pseudo_of_field(Bytes packet, std::size_t transport_start, std::size_t field) noexcept {
  ChecksumSum sum;
  sum.add(packet.subspan(field, 2));
  sum.add_number(0xffff - static_cast<std::uint32_t>(packet.size() - transport_start));
  return sum;
}

Result<SegmentPlan, Drop> plan_cut(const VnetHeader& header, Bytes packet, Family family, Cut cut) noexcept {
  if (header.gso_size == 0) return Err{Drop::inner_malformed};  // [3]
  const std::uint8_t protocol = cut == Cut::tcp ? kProtocolTcp : kProtocolUdp;
  const std::size_t field = cut == Cut::tcp ? tcp::kChecksum : udp::kChecksum;
  const auto place = find_transport(packet, family, protocol);
  if (!place) return Err{Drop::inner_malformed};  // [2]

  const bool partial = (header.flags & kVnetNeedsChecksum) != 0;
  if (partial && (header.csum_start != place->start || header.csum_offset != field)) {
    return Err{Drop::inner_malformed};  // [4]
  }
  if (place->routed && !partial) return Err{Drop::inner_malformed};

  const std::size_t fixed = cut == Cut::tcp ? tcp::kHeaderOctets : udp::kHeaderOctets;
  if (packet.size() < place->start + fixed) return Err{Drop::inner_malformed};  // [5]
  const std::size_t transport = cut == Cut::tcp ? tcp_header_octets(packet.subspan(place->start)) : fixed;
  const std::size_t headers = place->start + transport;
  if (transport < fixed || packet.size() < headers) return Err{Drop::inner_malformed};  // [5]

  const std::size_t payload = packet.size() - headers;
  return SegmentPlan{
      .packet = packet,
      .cut = cut,
      .count = std::max<std::size_t>(1, (payload + header.gso_size - 1) / header.gso_size),
      .header_octets = headers,
      .payload_octets = header.gso_size,
      .transport_start = place->start,
      .pseudo = place->routed ? pseudo_of_field(packet, place->start, place->start + field)
                              : pseudo_of(packet, family, protocol),
  };
}

void finish_checksum(const SegmentPlan& plan, MutBytes out) noexcept {
  ChecksumSum sum;  // the field itself holds the pseudo header's part
  sum.add(out.subspan(plan.transport_start));
  Octets<2> field = sum.checksum();
  // UDP has no zero checksum [RFC 768], and for all others 0xffff is the same number.
  if (field == Octets<2>{0, 0}) field = {0xff, 0xff};
  store(out, plan.checksum_at, field);
}

void fix_ip(const SegmentPlan& plan, std::size_t index, MutBytes out) noexcept {
  if ((out[0] >> 4) == 6) {
    store16(out, ip6::kPayloadLength, out.size() - ip6::kHeaderOctets);
    return;
  }
  store16(out, ip4::kTotalLength, out.size());
  store16(out, ip4::kId, load16(out, ip4::kId) + index);
  store16(out, ip4::kChecksum, 0);
  ChecksumSum sum;
  sum.add(out.first(plan.transport_start));
  store(out, ip4::kChecksum, sum.checksum());
}

void fix_tcp(const SegmentPlan& plan, std::size_t index, MutBytes header) noexcept {
  const auto offset = static_cast<std::uint32_t>(index * plan.payload_octets);
  store32(header, tcp::kSequence, load32(header, tcp::kSequence) + offset);
  std::uint8_t clear = 0;
  if (index > 0) clear |= tcp::kCwr;  // said once [RFC 3168 6.1.2]
  if (index + 1 < plan.count) clear |= tcp::kFin | tcp::kPsh;
  header[tcp::kFlags] = static_cast<std::uint8_t>(header[tcp::kFlags] & ~clear);
}

/// \param transport  header and payload, written but for the checksum.
void fix_checksum(const SegmentPlan& plan, std::size_t field, MutBytes transport) noexcept {
  store16(transport, field, 0);
  ChecksumSum sum = plan.pseudo;
  sum.add_number(static_cast<std::uint32_t>(transport.size()));
  sum.add(transport);
  Octets<2> checksum = sum.checksum();
  if (plan.cut == Cut::udp && checksum == Octets<2>{0, 0}) checksum = {0xff, 0xff};
  store(transport, field, checksum);
}

}  // namespace

Result<SegmentPlan, Drop> plan(const VnetHeader& header, Bytes packet) noexcept {
  const auto ip = wire::parse_ip(packet);
  if (!ip) return Err{Drop::not_ip};  // [1]
  if (header.gso_type == kGsoNone) return plan_whole(header, packet);
  if (ip->total_octets != packet.size()) return Err{Drop::inner_malformed};  // [1]
  switch (header.gso_type) {
    case kGsoTcp4:
    case kGsoTcp4 | kGsoEcn:
      if (ip->family == Family::v4) return plan_cut(header, packet, Family::v4, Cut::tcp);
      break;
    case kGsoTcp6:
    case kGsoTcp6 | kGsoEcn:
      if (ip->family == Family::v6) return plan_cut(header, packet, Family::v6, Cut::tcp);
      break;
    case kGsoUdp:
      return plan_cut(header, packet, ip->family, Cut::udp);
  }
  return Err{Drop::inner_malformed};  // [2]
}

std::size_t write_segment(const SegmentPlan& plan, std::size_t index, MutBytes out) noexcept {
  if (index >= plan.count || out.size() < plan.size(index)) return 0;
  const MutBytes segment = out.first(plan.size(index));
  const std::size_t payload_start = plan.header_octets + index * plan.payload_octets;
  std::memcpy(segment.data(), plan.packet.data(), plan.header_octets);
  const Bytes payload = plan.packet.subspan(payload_start, segment.size() - plan.header_octets);
  if (!payload.empty()) std::memcpy(segment.data() + plan.header_octets, payload.data(), payload.size());

  const MutBytes transport = segment.subspan(plan.transport_start);
  switch (plan.cut) {
    case Cut::whole:
      if (plan.checksum_at != 0) finish_checksum(plan, segment);
      break;
    case Cut::tcp:
      fix_ip(plan, index, segment);
      fix_tcp(plan, index, transport);
      fix_checksum(plan, tcp::kChecksum, transport);
      break;
    case Cut::udp:
      fix_ip(plan, index, segment);
      store16(transport, udp::kLength, transport.size());
      fix_checksum(plan, udp::kChecksum, transport);
      break;
  }
  return segment.size();
}

}  // namespace culvert::io
