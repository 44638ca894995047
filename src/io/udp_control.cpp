// SPDX-License-Identifier: MIT
#include "udp_control.hpp"

#include <netinet/udp.h>

#include <algorithm>
#include <cstring>

#include "socket_name.hpp"

namespace culvert::io {
namespace {

class ControlWriter {
 public:
  explicit ControlWriter(std::span<std::byte> buffer) noexcept : next_(buffer.data()), start_(buffer.data()) {}

  template <class T>
  void add(int level, int type, const T& value) noexcept {
    // Padding after the value goes to the kernel too, so nothing of an older message may stay in it.
    std::fill_n(next_, CMSG_SPACE(sizeof value), std::byte{});
    const cmsghdr header{CMSG_LEN(sizeof value), level, type};
    std::memcpy(next_, &header, sizeof header);
    std::memcpy(next_ + CMSG_LEN(0), &value, sizeof value);
    next_ += CMSG_SPACE(sizeof value);
  }
  [[nodiscard]] std::size_t octets() const noexcept { return static_cast<std::size_t>(next_ - start_); }

 private:
  std::byte* next_;
  std::byte* start_;
};

/// The interface is named only where an address means nothing without it. Elsewhere a named interface would overrule
/// the routing table: IPv4 then takes any destination for a neighbour on that link, and traffic goes nowhere.
std::uint32_t needed_interface(const Source& source) noexcept {
  return is_link_local(source.address) ? source.interface_index : 0;
}

void add_source(ControlWriter& writer, const Source& source) noexcept {
  if (source.address.family == Family::v4) {
    in_pktinfo info{};
    info.ipi_spec_dst = to_in_addr(source.address);
    writer.add(IPPROTO_IP, IP_PKTINFO, info);
    return;
  }
  in6_pktinfo info{};
  info.ipi6_addr = to_in6_addr(source.address);
  info.ipi6_ifindex = needed_interface(source);
  writer.add(IPPROTO_IPV6, IPV6_PKTINFO, info);
}

/// The start of a control message's data as a T; nullopt: too short for one.
template <class T>
std::optional<T> data_of(const cmsghdr& header) noexcept {
  if (header.cmsg_len < CMSG_LEN(sizeof(T))) return std::nullopt;
  T value;
  std::memcpy(&value, CMSG_DATA(&header), sizeof value);
  return value;
}

/// IP_TOS brings one octet, IPV6_TCLASS and UDP_GRO an int.
std::optional<int> integer_of(const cmsghdr& header) noexcept {
  if (const auto wide = data_of<int>(header)) return wide;
  if (const auto narrow = data_of<std::uint8_t>(header)) return *narrow;
  return std::nullopt;
}

void read_ip(const cmsghdr& header, InControl& out) noexcept {
  if (header.cmsg_type == IP_PKTINFO) {
    // ipi_spec_dst is always an address of ours, even for a datagram that came by broadcast.
    if (const auto info = data_of<in_pktinfo>(header))
      out.local = Source{from_in_addr(info->ipi_spec_dst), static_cast<std::uint32_t>(info->ipi_ifindex)};
  } else if (header.cmsg_type == IP_TOS) {
    if (const auto tos = integer_of(header)) out.ecn = static_cast<wire::Ecn>(*tos & 3);
  }
}

void read_ipv6(const cmsghdr& header, InControl& out) noexcept {
  if (header.cmsg_type == IPV6_PKTINFO) {
    const auto info = data_of<in6_pktinfo>(header);
    // A multicast destination is no address to answer from.
    if (info && info->ipi6_addr.s6_addr[0] != 0xff)
      out.local = Source{from_in6_addr(info->ipi6_addr), static_cast<std::uint32_t>(info->ipi6_ifindex)};
  } else if (header.cmsg_type == IPV6_TCLASS) {
    if (const auto tclass = integer_of(header)) out.ecn = static_cast<wire::Ecn>(*tclass & 3);
  }
}

}  // namespace

std::size_t write_control(const OutControl& control, std::span<std::byte, kOutControlOctets> buffer) noexcept {
  ControlWriter writer(buffer);
  if (control.from && control.from->address.family == control.family) add_source(writer, *control.from);
  if (control.tos != 0) {
    const int tos = control.tos;
    if (control.family == Family::v4)
      writer.add(IPPROTO_IP, IP_TOS, tos);
    else
      writer.add(IPPROTO_IPV6, IPV6_TCLASS, tos);
  }
  if (control.segment_octets != 0) writer.add(SOL_UDP, UDP_SEGMENT, control.segment_octets);
  return writer.octets();
}

InControl read_control(const msghdr& message) noexcept {
  InControl out;
  // glibc's CMSG_NXTHDR wants a pointer to non-const and does not write through it.
  auto& chain = const_cast<msghdr&>(message);
  const auto* end = static_cast<const std::byte*>(message.msg_control) + message.msg_controllen;
  for (cmsghdr* header = CMSG_FIRSTHDR(&chain); header != nullptr; header = CMSG_NXTHDR(&chain, header)) {
    // CMSG_NXTHDR looks at what follows, and nobody at whether the first one ends within the buffer.
    if (header->cmsg_len > static_cast<std::size_t>(end - reinterpret_cast<const std::byte*>(header))) break;
    if (header->cmsg_level == IPPROTO_IP) {
      read_ip(*header, out);
    } else if (header->cmsg_level == IPPROTO_IPV6) {
      read_ipv6(*header, out);
    } else if (header->cmsg_level == SOL_UDP && header->cmsg_type == UDP_GRO) {
      if (const auto size = integer_of(*header)) out.segment_octets = *size > 0 ? static_cast<std::size_t>(*size) : 0;
    } else if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SO_RXQ_OVFL) {
      if (const auto drops = data_of<std::uint32_t>(*header)) out.drops = drops;
    }
  }
  return out;
}

}  // namespace culvert::io
