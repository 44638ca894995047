// SPDX-License-Identifier: MIT
// What ICMP says about datagrams of ours. Linux keeps it in a queue of the socket (IP_RECVERR), apart from what is
// received, and tells once that something is there: by EPOLLERR, and by failing the next call on the socket, whomever
// that call is about (see rule 0 of udp_send.cpp).
#pragma once

#include <optional>

#include <culvert/address.hpp>

namespace culvert::io {

struct IcmpError {
  enum class Kind : std::uint8_t { port_closed, unreachable, prohibited } kind = Kind::unreachable;
  Endpoint to;        // where our datagram went
  IpAddress told_by;  // who sent the message; anybody could have
};

/// The oldest message about a destination that is out of reach; others are taken and left out, such as those about the
/// size of a datagram. nullopt: there is none. Any socket of `open_udp_group`.
[[nodiscard]] std::optional<IcmpError> take_icmp_error(int socket) noexcept;

/// Tells the kernel to keep such messages. A kernel that will not is no reason to stop.
void keep_icmp_errors(int socket, Family family) noexcept;

}  // namespace culvert::io
