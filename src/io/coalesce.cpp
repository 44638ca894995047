// SPDX-License-Identifier: MIT
// A small table of open groups, one for each flow that appears in a batch. A packet takes one of four ways:
//  1. it is no plain TCP or UDP packet: groups between the same addresses are written first, then it is
//  2. it has a flow but may not join: the group of the flow is written first, then it is
//  3. it continues its flow's group: it joins, and is written with it
//  4. it opens a group, after the flow's old one was written
// So the order within a flow never changes. The checksums of a packet are verified only when there is something to
// join, since a super-packet states no checksum that could tell damage later; a packet that stays alone goes in as it
// came.
//
// The kernel's refusal (EINVAL) of a super-packet whose packets it then takes one by one is the offload's fault: that
// kind is switched off. If it refuses the packets as well, it is theirs, and nothing changes: a peer cannot switch it
// off.
#include "coalesce.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "packet_fields.hpp"
#include "udp_counters.hpp"

namespace culvert::io {
namespace {

constexpr std::uint32_t kClosed = 0;

/// Flows that differ may have the same one. Few groups are open, so that cheap is better than well spread.
std::uint32_t flow_hash(const Candidate& candidate) noexcept {
  std::uint32_t hash = candidate.transport == Transport::tcp ? 2 : 4;
  const Bytes flow = candidate.flow();  // a multiple of four octets
  for (std::size_t at = 0; at < flow.size(); at += 4) {
    std::uint32_t word = 0;
    std::memcpy(&word, flow.data() + at, sizeof word);
    hash ^= word;
  }
  return hash | 1;  // never kClosed
}

/// writev takes what it only reads as `void*`.
iovec part(Bytes octets) noexcept { return {const_cast<std::uint8_t*>(octets.data()), octets.size()}; }

/// The head's checksums are verified once, when the first packet comes that could join it.
bool continues(Group& group, const Candidate& next) noexcept {
  if (!would_join(group, next)) return false;
  if (!group.head_checked) group.head_checked = checksums_valid(group.head);
  return group.head_checked && checksums_valid(next);
}

/// Source and destination. Empty: no IP packet.
Bytes addresses(Bytes packet) noexcept {
  if (packet.size() >= ip4::kHeaderOctets && packet[0] >> 4 == 4) {
    return packet.subspan(ip4::kAddresses, ip4::kAddressesOctets);
  }
  if (packet.size() >= ip6::kHeaderOctets && packet[0] >> 4 == 6) {
    return packet.subspan(ip6::kAddresses, ip6::kAddressesOctets);
  }
  return {};
}

}  // namespace

void Coalescer::add(Bytes packet) noexcept {
  const auto candidate = read_candidate(packet);
  if (!candidate) {  // 1
    close_same_addresses(packet);
    write_one(packet);
    return;
  }
  const bool alone = candidate->role == Candidate::Role::alone || coalescing(candidate->transport) == Coalescing::off;
  const std::uint32_t hash = flow_hash(*candidate);
  const std::size_t index = find(*candidate, hash);
  if (index < kGroups && !alone && continues(groups_[index], *candidate)) {  // 3
    join(groups_[index], *candidate);
    if (ends_group(groups_[index], *candidate)) close(index);
    return;
  }
  if (index < kGroups) close(index);
  if (alone || candidate->role == Candidate::Role::last) {  // 2
    write_one(packet);
    return;
  }
  const std::size_t free = vacant();  // 4
  start(groups_[free], *candidate);
  hashes_[free] = hash;
}

CoalesceOutcome Coalescer::flush() noexcept {
  for (std::size_t index = 0; index < kGroups; ++index) {
    if (hashes_[index] != kClosed) close(index);
  }
  return std::exchange(outcome_, {});
}

std::size_t Coalescer::find(const Candidate& candidate, std::uint32_t hash) const noexcept {
  for (std::size_t index = 0; index < kGroups; ++index) {
    if (hashes_[index] == hash && same_flow(groups_[index].head, candidate)) return index;
  }
  return kGroups;
}

std::size_t Coalescer::vacant() noexcept {
  for (std::size_t index = 0; index < kGroups; ++index) {
    if (hashes_[index] == kClosed) return index;
  }
  const std::size_t victim = next_victim_++ % kGroups;
  io::add(counters_.evictions, 1);
  close(victim);
  return victim;
}

void Coalescer::close(std::size_t index) noexcept {
  hashes_[index] = kClosed;
  write_group(groups_[index]);
}

void Coalescer::close_same_addresses(Bytes packet) noexcept {
  const Bytes same = addresses(packet);
  for (std::size_t index = 0; index < kGroups; ++index) {
    if (hashes_[index] != kClosed && std::ranges::equal(same, addresses(groups_[index].head.packet))) close(index);
  }
}

void Coalescer::write_group(const Group& group) noexcept {
  if (group.count == 1 || coalescing(group.head.transport) == Coalescing::off) {
    for (const Bytes packet : group.members()) write_one(packet);
    return;
  }
  const JoinedHeader header = joined_header(group);
  std::array<iovec, 1 + kMaxGroupPackets> parts;
  static_assert(1 + kMaxGroupPackets <= kMaxGatherParts);
  std::size_t used = 0;
  parts[used++] = part(header.bytes());
  for (const Bytes packet : group.members()) parts[used++] = part(packet.subspan(header.octets));

  const auto result = queue_.write(header.vnet, std::span(parts).first(used));
  if (result) {
    io::add(counters_.super_packets, 1);
    io::add(counters_.joined_packets, group.count);
    outcome_.written += group.count;
  } else if (result.error().stop == TunStop::refused) {
    fall_back(group, result.error().error);
  } else {
    outcome_.lost += group.count;
    outcome_.fault = result.error();
  }
}

void Coalescer::fall_back(const Group& group, int error) noexcept {
  io::add(counters_.fallbacks, 1);
  bool all_taken = true;
  for (const Bytes packet : group.members()) all_taken = write_one(packet) && all_taken;
  if (!all_taken) return;
  coalescing(group.head.transport) = Coalescing::off;
  outcome_.switched_off = SwitchedOff{group.head.transport, error};
}

bool Coalescer::write_one(Bytes packet) noexcept {
  const iovec whole = part(packet);
  const auto result = queue_.write(VnetHeader{}, {&whole, 1});
  if (result) {
    ++outcome_.written;
  } else {
    ++outcome_.lost;
    outcome_.fault = result.error();
  }
  return result.has_value();
}

}  // namespace culvert::io
