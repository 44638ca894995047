// SPDX-License-Identifier: MIT
#include "metrics_listen.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <culvert/address.hpp>

#include "socket_name.hpp"

namespace culvert::control {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr int kBacklog = 16;

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
  io::SocketName name;
  const socklen_t octets = io::to_socket_name(*endpoint, name);
  io::UniqueFd fd(::socket(io::socket_domain(endpoint->address.family), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (fd) (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);  // after a restart, at once
  if (!fd || ::bind(fd.get(), &name.generic, octets) != 0 || ::listen(fd.get(), kBacklog) != 0)
    return Err{text + ": " + std::generic_category().message(errno)};
  return UapiSocket::without_file(std::move(fd));
}

}  // namespace culvert::control
