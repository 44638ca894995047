// SPDX-License-Identifier: MIT
// Which packets may become one super-packet: pure functions over packets, no table, no writing. The rules are those of
// the kernel's own GRO, so that nothing on the way can tell a joined packet from packets that came one by one.
#pragma once

#include <array>
#include <optional>

#include <culvert/address.hpp>
#include <culvert/bytes.hpp>

#include "vnet.hpp"

namespace culvert::io {

enum class Transport : std::uint8_t { tcp, udp };

/// A TCP or UDP packet directly behind an IP header without options or extensions, no fragment, all lengths exact.
struct Candidate {
  enum class Role : std::uint8_t {
    alone,   // has a flow, whose order it must keep, but joins nothing: SYN, a bare ACK, no UDP checksum
    member,  // may join, and be joined
    last,    // may join, and ends its group: PSH, FIN
  };

  Bytes packet;  // borrowed: as long as the packet given to `read_candidate`
  Family family = Family::v4;
  Transport transport = Transport::tcp;
  Role role = Role::alone;
  std::uint8_t transport_start = 0;
  std::uint8_t header_octets = 0;  // IP and transport
  std::uint32_t sequence = 0;      // TCP
  std::uint16_t id = 0;            // IPv4

  [[nodiscard]] std::size_t payload_octets() const noexcept { return packet.size() - header_octets; }
  /// Addresses and ports, which lie side by side in both families.
  [[nodiscard]] Bytes flow() const noexcept {
    return family == Family::v4 ? packet.subspan(12, 12) : packet.subspan(8, 36);
  }
};

/// nullopt: anything else, such as fragments, options, other protocols, or lengths that do not fit.
[[nodiscard]] std::optional<Candidate> read_candidate(Bytes packet) noexcept;

[[nodiscard]] bool same_flow(const Candidate& a, const Candidate& b) noexcept;

/// Neither the IPv4 header checksum nor the transport checksum shows damage. Reads the whole packet.
[[nodiscard]] bool checksums_valid(const Candidate& candidate) noexcept;

inline constexpr std::size_t kMaxGroupPackets = 64;    // [K] UDP_GRO_CNT_MAX
inline constexpr std::size_t kMaxGroupOctets = 65535;  // IPv4 total length

/// Packets of one flow that follow each other.
struct Group {
  enum class Ids : std::uint8_t { undecided, rising, constant };

  Candidate head;
  std::array<Bytes, kMaxGroupPackets> packets{};  // borrowed: until the group is written
  std::size_t count = 0;
  std::size_t octets = 0;  // of the super-packet
  Ids ids = Ids::undecided;
  bool head_checked = false;  // the checksums of the first packet, looked at only when a second one comes

  [[nodiscard]] std::span<const Bytes> members() const noexcept { return std::span(packets).first(count); }
  [[nodiscard]] std::size_t gso_size() const noexcept { return head.payload_octets(); }
};

/// Whether `next`, of the same flow and not `Role::alone`, continues the group as far as its headers tell; the
/// checksums are a question of their own.
[[nodiscard]] bool would_join(const Group& group, const Candidate& next) noexcept;

/// Makes the group consist of one packet.
void start(Group& group, const Candidate& first) noexcept;
/// Appends a packet for which `would_join` said yes.
void join(Group& group, const Candidate& next) noexcept;
/// Whether the group can take no more after `joined`, which `join` took last.
[[nodiscard]] bool ends_group(const Group& group, const Candidate& joined) noexcept;

/// The header of the super-packet: that of its first packet with lengths, TCP flags and checksums made to fit the
/// whole.
struct JoinedHeader {
  static constexpr std::size_t kMaxOctets = 40 + 60;

  VnetHeader vnet;
  std::array<std::uint8_t, kMaxOctets> storage{};
  std::size_t octets = 0;

  [[nodiscard]] Bytes bytes() const noexcept { return Bytes(storage).first(octets); }
};
[[nodiscard]] JoinedHeader joined_header(const Group& group) noexcept;

}  // namespace culvert::io
