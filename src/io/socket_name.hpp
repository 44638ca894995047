// SPDX-License-Identifier: MIT
// Socket addresses of endpoints.
#pragma once

#include <netinet/in.h>

#include <optional>

#include <culvert/address.hpp>

namespace culvert::io {

/// Either form of socket address, without the 100 octets of room that sockaddr_storage adds.
union SocketName {
  sockaddr generic;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

/// \returns the octets written. The scope counts for link-local addresses alone, as in the kernel.
[[nodiscard]] socklen_t to_socket_name(const Endpoint& endpoint, SocketName& name) noexcept;
/// nullopt: neither family, or cut short.
[[nodiscard]] std::optional<Endpoint> from_socket_name(const SocketName& name, socklen_t octets) noexcept;
/// For names in lists of the C library, which are as long as their family says. nullopt: neither family, or none.
[[nodiscard]] std::optional<Endpoint> from_socket_name(const sockaddr* name) noexcept;

[[nodiscard]] in_addr to_in_addr(const IpAddress& address) noexcept;
[[nodiscard]] in6_addr to_in6_addr(const IpAddress& address) noexcept;
[[nodiscard]] IpAddress from_in_addr(const in_addr& address) noexcept;
[[nodiscard]] IpAddress from_in6_addr(const in6_addr& address) noexcept;

[[nodiscard]] constexpr int socket_domain(Family family) noexcept { return family == Family::v4 ? AF_INET : AF_INET6; }
/// connect(2). \returns 0, or errno.
[[nodiscard]] int connect_to(int fd, const Endpoint& there) noexcept;

}  // namespace culvert::io
