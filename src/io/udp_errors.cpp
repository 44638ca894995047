// SPDX-License-Identifier: MIT
#include "udp_errors.hpp"

#include <linux/errqueue.h>
#include <linux/icmpv6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "socket_name.hpp"

namespace culvert::io {
namespace {

using Kind = IcmpError::Kind;

constexpr int kMostAtOnce = 64;  // messages that are left out in a row

// Codes of ICMP_DEST_UNREACH that netinet names otherwise or not at all [RFC 1812 5.2.7.1].
constexpr std::uint8_t kPortUnreachable = 3, kFragmentationNeeded = 4;
constexpr std::uint8_t kNetworkProhibited = 9, kHostProhibited = 10, kProhibited = 13;
// Of ICMPv6 [RFC 4443 3.1].
constexpr std::uint8_t kProhibitedV6 = 1, kPolicyV6 = 5, kRejectV6 = 6, kPortUnreachableV6 = 4;

std::optional<Kind> kind_of_v4(const sock_extended_err& error) noexcept {
  if (error.ee_type == ICMP_TIME_EXCEEDED) return Kind::unreachable;
  if (error.ee_type != ICMP_DEST_UNREACH || error.ee_code == kFragmentationNeeded) return std::nullopt;
  if (error.ee_code == kPortUnreachable) return Kind::port_closed;
  const bool prohibited =
      error.ee_code == kNetworkProhibited || error.ee_code == kHostProhibited || error.ee_code == kProhibited;
  return prohibited ? Kind::prohibited : Kind::unreachable;
}

std::optional<Kind> kind_of_v6(const sock_extended_err& error) noexcept {
  if (error.ee_type == ICMPV6_TIME_EXCEED) return Kind::unreachable;
  if (error.ee_type != ICMPV6_DEST_UNREACH) return std::nullopt;
  if (error.ee_code == kPortUnreachableV6) return Kind::port_closed;
  const bool prohibited = error.ee_code == kProhibitedV6 || error.ee_code == kPolicyV6 || error.ee_code == kRejectV6;
  return prohibited ? Kind::prohibited : Kind::unreachable;
}

/// A control message of an error, and the sender's address that stands behind it.
std::optional<IcmpError> read_error(const cmsghdr& header) noexcept {
  struct Told {
    sock_extended_err error;
    SocketName by;
  } told{};
  const std::size_t octets = header.cmsg_len - CMSG_LEN(0);
  std::memcpy(&told, CMSG_DATA(&header), octets < sizeof told ? octets : sizeof told);
  std::optional<Kind> kind;
  if (told.error.ee_origin == SO_EE_ORIGIN_ICMP) kind = kind_of_v4(told.error);
  if (told.error.ee_origin == SO_EE_ORIGIN_ICMP6) kind = kind_of_v6(told.error);
  const auto by = from_socket_name(told.by, sizeof(told.by));
  if (!kind || !by) return std::nullopt;
  return IcmpError{*kind, {}, by->address};
}

bool tells_error(const cmsghdr& header) noexcept {
  return (header.cmsg_level == IPPROTO_IP && header.cmsg_type == IP_RECVERR) ||
         (header.cmsg_level == IPPROTO_IPV6 && header.cmsg_type == IPV6_RECVERR);
}

}  // namespace

std::optional<IcmpError> take_icmp_error(int socket) noexcept {
  for (int i = 0; i < kMostAtOnce; ++i) {
    SocketName name{};
    alignas(cmsghdr) std::array<std::byte, 512> control{};
    std::array<std::uint8_t, 64> octets;  // the head of our datagram, which says nothing new
    iovec part{octets.data(), octets.size()};
    mmsghdr message{};
    message.msg_hdr = {.msg_name = &name,
                       .msg_namelen = sizeof name,
                       .msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = control.data(),
                       .msg_controllen = control.size(),
                       .msg_flags = 0};
    // recvmmsg rather than recvmsg: the call that is used for all else on these sockets.
    if (::recvmmsg(socket, &message, 1, MSG_ERRQUEUE | MSG_DONTWAIT, nullptr) != 1) return std::nullopt;
    const auto to = from_socket_name(name, message.msg_hdr.msg_namelen);
    for (cmsghdr* header = CMSG_FIRSTHDR(&message.msg_hdr); header != nullptr;
         header = CMSG_NXTHDR(&message.msg_hdr, header)) {
      if (!tells_error(*header)) continue;
      auto error = read_error(*header);
      if (!error || !to) continue;
      error->to = *to;
      return error;
    }
  }
  return std::nullopt;
}

void keep_icmp_errors(int socket, Family family) noexcept {
  const int on = 1;
  if (family == Family::v4)
    (void)::setsockopt(socket, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
  else
    (void)::setsockopt(socket, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
}

}  // namespace culvert::io
