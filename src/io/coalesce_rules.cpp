// SPDX-License-Identifier: MIT
// The rules under which packets join, after the kernel's GRO [K net/ipv4/tcp_offload.c, udp_offload.c,
// net/ipv4/af_inet.c, net/ipv6/ip6_offload.c]. Read `read_candidate` for what a single packet must be, then
// `would_join` for what it must have in common with its group:
//  [1] same TOS or traffic class and flow label, same TTL or hop limit, same DF bit
//  [2] the IPv4 identification rises by one, or with DF stays the same
//  [3] not larger than the first packet; a smaller one ends the group, so that only the last can be smaller
//  [4] [5] the super-packet stays within the kernel's count and IPv4's length
//  [6] TCP: the next sequence number; same acknowledgement, flags (but FIN and PSH), window and options
// The flow itself (`same_flow`) and the checksums are looked at by the caller. Where the kernel is more generous than
// what cutting can restore, we are not: CWR keeps a packet alone, and the urgent pointer has to be equal.
#include "coalesce_rules.hpp"

#include <algorithm>
#include <cstring>

#include "checksum.hpp"
#include "packet_fields.hpp"

namespace culvert::io {
namespace {

using Role = Candidate::Role;

/// Two packets agree in `count` octets at `at`.
bool agree(Bytes a, Bytes b, std::size_t at, std::size_t count) noexcept {
  return std::memcmp(a.data() + at, b.data() + at, count) == 0;
}

bool read_ip4(Bytes packet, Candidate& candidate) noexcept {
  if (packet.size() < ip4::kHeaderOctets || packet[0] != 0x45) return false;  // options
  if (load16(packet, ip4::kTotalLength) != packet.size()) return false;
  if ((load16(packet, ip4::kFragment) & ~ip4::kDontFragment) != 0) return false;
  candidate.family = Family::v4;
  candidate.transport_start = ip4::kHeaderOctets;
  candidate.id = load16(packet, ip4::kId);
  return true;
}

bool read_ip6(Bytes packet, Candidate& candidate) noexcept {
  if (packet.size() < ip6::kHeaderOctets || packet[0] >> 4 != 6) return false;
  if (load16(packet, ip6::kPayloadLength) + ip6::kHeaderOctets != packet.size()) return false;
  candidate.family = Family::v6;
  candidate.transport_start = ip6::kHeaderOctets;
  return true;
}

bool read_tcp(Candidate& candidate) noexcept {
  const Bytes segment = candidate.packet.subspan(candidate.transport_start);
  if (segment.size() < tcp::kHeaderOctets) return false;
  const std::size_t header = tcp_header_octets(segment);
  if (header < tcp::kHeaderOctets || header > segment.size()) return false;
  candidate.transport = Transport::tcp;
  candidate.header_octets = static_cast<std::uint8_t>(candidate.transport_start + header);
  candidate.sequence = load32(segment, tcp::kSequence);

  const std::uint8_t flags = segment[tcp::kFlags];
  constexpr std::uint8_t kPlain = tcp::kAckFlag | tcp::kEce, kEnd = tcp::kFin | tcp::kPsh;
  const bool plain = (flags & ~(kPlain | kEnd)) == 0 && (flags & tcp::kAckFlag) != 0;
  if (!plain || segment.size() == header) {
    candidate.role = Role::alone;
  } else {
    candidate.role = (flags & kEnd) != 0 ? Role::last : Role::member;
  }
  return true;
}

bool read_udp(Candidate& candidate) noexcept {
  const Bytes datagram = candidate.packet.subspan(candidate.transport_start);
  if (datagram.size() < udp::kHeaderOctets || load16(datagram, udp::kLength) != datagram.size()) return false;
  candidate.transport = Transport::udp;
  candidate.header_octets = static_cast<std::uint8_t>(candidate.transport_start + udp::kHeaderOctets);
  const bool plain = datagram.size() > udp::kHeaderOctets && load16(datagram, udp::kChecksum) != 0;
  candidate.role = plain ? Role::member : Role::alone;
  return true;
}

bool same_ip_fields(const Candidate& a, const Candidate& b) noexcept {
  if (a.family == Family::v6) {  // version, traffic class and flow label; hop limit
    return agree(a.packet, b.packet, 0, 4) && a.packet[ip6::kHopLimit] == b.packet[ip6::kHopLimit];
  }
  return a.packet[ip4::kTos] == b.packet[ip4::kTos] && a.packet[ip4::kTtl] == b.packet[ip4::kTtl] &&
         agree(a.packet, b.packet, ip4::kFragment, 2);
}

/// Rising identifications are what cutting gives back. Constant ones mean nothing where the packet must not be
/// fragmented [RFC 6864 4.1], so that losing them is no loss; the kernel has the same two cases.
bool id_follows(const Group& group, const Candidate& next) noexcept {
  if (next.family == Family::v6) return true;
  const auto step = static_cast<std::uint16_t>(next.id - group.head.id);
  const bool rising = step == group.count;
  const bool constant = step == 0 && (load16(next.packet, ip4::kFragment) & ip4::kDontFragment) != 0;
  switch (group.ids) {
    case Group::Ids::undecided:
      return rising || constant;
    case Group::Ids::rising:
      return rising;
    case Group::Ids::constant:
      return constant;
  }
  return false;
}

ChecksumSum pseudo(const Candidate& candidate, std::size_t transport_octets) noexcept {
  const Bytes addresses = candidate.family == Family::v4
                              ? candidate.packet.subspan(ip4::kAddresses, ip4::kAddressesOctets)
                              : candidate.packet.subspan(ip6::kAddresses, ip6::kAddressesOctets);
  return pseudo_header(addresses, candidate.transport == Transport::tcp ? kProtocolTcp : kProtocolUdp,
                       static_cast<std::uint32_t>(transport_octets));
}

bool tcp_follows(const Group& group, const Candidate& next) noexcept {
  const Bytes a = group.head.packet.subspan(group.head.transport_start);
  const Bytes b = next.packet.subspan(next.transport_start);
  constexpr std::uint8_t kEnd = tcp::kFin | tcp::kPsh;
  const std::size_t options = tcp_header_octets(a) - tcp::kHeaderOctets;
  const std::size_t so_far = group.octets - group.head.header_octets;
  return next.sequence == group.head.sequence + static_cast<std::uint32_t>(so_far) && agree(a, b, tcp::kAck, 4) &&
         a[tcp::kDataOffset] == b[tcp::kDataOffset] &&  // and the reserved bits beside it
         ((a[tcp::kFlags] ^ b[tcp::kFlags]) & ~kEnd) == 0 && agree(a, b, tcp::kWindow, 2) &&
         agree(a, b, tcp::kUrgent, 2) && agree(a, b, tcp::kHeaderOctets, options);
}

}  // namespace

std::optional<Candidate> read_candidate(Bytes packet) noexcept {
  Candidate candidate{.packet = packet};
  if (!read_ip4(packet, candidate) && !read_ip6(packet, candidate)) return std::nullopt;
  const std::uint8_t protocol = candidate.family == Family::v4 ? packet[ip4::kProtocol] : packet[ip6::kNextHeader];
  if (protocol == kProtocolTcp ? !read_tcp(candidate) : protocol != kProtocolUdp || !read_udp(candidate)) {
    return std::nullopt;
  }
  return candidate;
}

bool same_flow(const Candidate& a, const Candidate& b) noexcept {
  return a.transport == b.transport && std::ranges::equal(a.flow(), b.flow());  // which differ in size by family
}

bool checksums_valid(const Candidate& candidate) noexcept {
  if (candidate.family == Family::v4) {
    ChecksumSum header;
    header.add(candidate.packet.first(ip4::kHeaderOctets));
    if (!header.is_valid()) return false;
  }
  const Bytes transport = candidate.packet.subspan(candidate.transport_start);
  ChecksumSum sum = pseudo(candidate, transport.size());
  sum.add(transport);
  return sum.is_valid();
}

bool would_join(const Group& group, const Candidate& next) noexcept {
  return same_ip_fields(group.head, next)                                    // [1]
         && id_follows(group, next)                                          // [2]
         && next.payload_octets() <= group.gso_size()                        // [3]
         && group.count < kMaxGroupPackets                                   // [4]
         && group.octets + next.payload_octets() <= kMaxGroupOctets          // [5]
         && (next.transport == Transport::udp || tcp_follows(group, next));  // [6]
}

void start(Group& group, const Candidate& first) noexcept {
  group.head = first;
  group.packets[0] = first.packet;
  group.count = 1;
  group.octets = first.packet.size();
  group.ids = Group::Ids::undecided;
  group.head_checked = false;
}

void join(Group& group, const Candidate& next) noexcept {
  if (group.count == 1) group.ids = next.id == group.head.id ? Group::Ids::constant : Group::Ids::rising;
  group.packets[group.count] = next.packet;
  ++group.count;
  group.octets += next.payload_octets();
}

bool ends_group(const Group& group, const Candidate& joined) noexcept {
  return joined.role == Role::last || joined.payload_octets() < group.gso_size();
}

JoinedHeader joined_header(const Group& group) noexcept {
  const Candidate& head = group.head;
  JoinedHeader joined;
  joined.octets = head.header_octets;
  const MutBytes header = MutBytes(joined.storage).first(head.header_octets);
  std::ranges::copy(head.packet.first(head.header_octets), header.begin());
  if (head.family == Family::v4) {
    store16(header, ip4::kTotalLength, group.octets);
    store16(header, ip4::kChecksum, 0);
    ChecksumSum sum;
    sum.add(header.first(ip4::kHeaderOctets));
    store(header, ip4::kChecksum, sum.checksum());
  } else {
    store16(header, ip6::kPayloadLength, group.octets - ip6::kHeaderOctets);
  }

  const MutBytes transport = header.subspan(head.transport_start);
  const std::size_t transport_octets = group.octets - head.transport_start;
  std::size_t field = udp::kChecksum;
  if (head.transport == Transport::tcp) {
    field = tcp::kChecksum;
    const Bytes last = group.packets[group.count - 1];
    const int end = last[head.transport_start + tcp::kFlags] & (tcp::kFin | tcp::kPsh);
    transport[tcp::kFlags] = static_cast<std::uint8_t>(transport[tcp::kFlags] | end);
    joined.vnet.gso_type = head.family == Family::v4 ? kGsoTcp4 : kGsoTcp6;
  } else {
    store16(transport, udp::kLength, transport_octets);
    joined.vnet.gso_type = kGsoUdp;
  }
  store(transport, field, pseudo(head, transport_octets).partial());
  joined.vnet.flags = kVnetNeedsChecksum;
  joined.vnet.hdr_len = head.header_octets;
  joined.vnet.gso_size = static_cast<std::uint16_t>(group.gso_size());
  joined.vnet.csum_start = head.transport_start;
  joined.vnet.csum_offset = static_cast<std::uint16_t>(field);
  return joined;
}

}  // namespace culvert::io
