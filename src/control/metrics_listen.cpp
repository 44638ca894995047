// SPDX-License-Identifier: MIT
#include "metrics_listen.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <culvert/address.hpp>

namespace culvert::control {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr int kBacklog = 16;

bool is_loopback(const IpAddress& address) noexcept {
  if (address.family == Family::v4) return address.octets[0] == 127;
  IpAddress one{Family::v6, {}};
  one.octets[15] = 1;
  return address == one;
}

int bind_to(int fd, const Endpoint& where) noexcept {
  if (where.address.family == Family::v4) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(where.port);
    std::memcpy(&name.sin_addr, where.address.octets.data(), 4);
    return ::bind(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name);
  }
  sockaddr_in6 name{};
  name.sin6_family = AF_INET6;
  name.sin6_port = htons(where.port);
  std::memcpy(&name.sin6_addr, where.address.octets.data(), 16);
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name);
}

}  // namespace

Result<UapiSocket, std::string> open_metrics_listener(std::string_view where) {
  const std::string text(where);
  if (where.starts_with(kUnix)) {
    auto opened = UapiSocket::open(text.substr(kUnix.size()));
    if (!opened) return Err{opened.error().text};
    return std::move(*opened);
  }
  const auto endpoint = parse_endpoint(where);
  if (!endpoint) return Err{text + ": not an address and port such as 127.0.0.1:9586, nor unix: and a path"};
  if (!is_loopback(endpoint->address)) return Err{text + ": not a loopback address; use 127.0.0.1 or [::1]"};
  const int domain = endpoint->address.family == Family::v4 ? AF_INET : AF_INET6;
  io::UniqueFd fd(::socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (fd) (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);  // after a restart, at once
  if (!fd || bind_to(fd.get(), *endpoint) != 0 || ::listen(fd.get(), kBacklog) != 0)
    return Err{text + ": " + std::generic_category().message(errno)};
  return UapiSocket::without_file(std::move(fd));
}

}  // namespace culvert::control
