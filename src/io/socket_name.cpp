// SPDX-License-Identifier: MIT
#include "socket_name.hpp"

#include <cerrno>
#include <cstring>

namespace culvert::io {

in_addr to_in_addr(const IpAddress& address) noexcept {
  in_addr out{};
  std::memcpy(&out, address.octets.data(), sizeof out);
  return out;
}

in6_addr to_in6_addr(const IpAddress& address) noexcept {
  in6_addr out{};
  std::memcpy(&out, address.octets.data(), sizeof out);
  return out;
}

IpAddress from_in_addr(const in_addr& address) noexcept {
  IpAddress out{Family::v4, {}};
  std::memcpy(out.octets.data(), &address, sizeof address);
  return out;
}

IpAddress from_in6_addr(const in6_addr& address) noexcept {
  IpAddress out{Family::v6, {}};
  std::memcpy(out.octets.data(), &address, sizeof address);
  return out;
}

socklen_t to_socket_name(const Endpoint& endpoint, SocketName& name) noexcept {
  if (endpoint.address.family == Family::v4) {
    name.v4 = {};
    name.v4.sin_family = AF_INET;
    name.v4.sin_port = htons(endpoint.port);
    name.v4.sin_addr = to_in_addr(endpoint.address);
    return sizeof name.v4;
  }
  name.v6 = {};
  name.v6.sin6_family = AF_INET6;
  name.v6.sin6_port = htons(endpoint.port);
  name.v6.sin6_addr = to_in6_addr(endpoint.address);
  name.v6.sin6_scope_id = is_link_local(endpoint.address) ? endpoint.scope_id : 0;
  return sizeof name.v6;
}

std::optional<Endpoint> from_socket_name(const SocketName& name, socklen_t octets) noexcept {
  if (octets < sizeof name.generic.sa_family) return std::nullopt;
  if (name.generic.sa_family == AF_INET && octets >= sizeof name.v4)
    return Endpoint{from_in_addr(name.v4.sin_addr), ntohs(name.v4.sin_port), 0};
  if (name.generic.sa_family == AF_INET6 && octets >= sizeof name.v6) {
    const IpAddress address = from_in6_addr(name.v6.sin6_addr);
    return Endpoint{address, ntohs(name.v6.sin6_port), is_link_local(address) ? name.v6.sin6_scope_id : 0};
  }
  return std::nullopt;
}

std::optional<Endpoint> from_socket_name(const sockaddr* name) noexcept {
  if (name == nullptr || (name->sa_family != AF_INET && name->sa_family != AF_INET6)) return std::nullopt;
  SocketName copy{};
  const std::size_t octets = name->sa_family == AF_INET ? sizeof copy.v4 : sizeof copy.v6;
  std::memcpy(&copy, name, octets);
  return from_socket_name(copy, static_cast<socklen_t>(octets));
}

int connect_to(int fd, const Endpoint& there) noexcept {
  SocketName name;
  const socklen_t octets = to_socket_name(there, name);
  return ::connect(fd, &name.generic, octets) == 0 ? 0 : errno;
}

}  // namespace culvert::io
