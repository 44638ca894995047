// SPDX-License-Identifier: MIT
// What the benchmark's traffic programs share: their command lines, clocks and sockets. Each of them is bounded in
// time, and speaks one line of JSON at its end.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>

#include "unique_fd.hpp"

namespace culvert::bench {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

/// "--name VALUE" among the words, or the default.
[[nodiscard]] inline double option(int argc, char** argv, std::string_view name, double otherwise) {
  for (int i = 1; i + 1 < argc; ++i)
    if (argv[i] == name) return std::strtod(argv[i + 1], nullptr);
  return otherwise;
}

[[nodiscard]] inline std::system_error failure(const char* what) { return {errno, std::generic_category(), what}; }

/// IPv4 for one address, IPv6 for the other.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t octets = 0;

  [[nodiscard]] const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
};

[[nodiscard]] inline SocketAddress socket_address(const std::string& text, std::uint16_t port) {
  SocketAddress made;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    made.octets = sizeof v4;
    std::memcpy(&made.storage, &v4, sizeof v4);
  } else if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    made.octets = sizeof v6;
    std::memcpy(&made.storage, &v6, sizeof v6);
  } else {
    errno = EINVAL;
    throw failure("not an address");
  }
  return made;
}

/// A UDP socket with buffers so large that what is lost was lost by the path.
[[nodiscard]] inline io::UniqueFd udp_socket(int family) {
  io::UniqueFd fd(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) throw failure("socket");
  const int octets = 16 << 20;
  for (const int which : {SO_RCVBUFFORCE, SO_SNDBUFFORCE})
    if (::setsockopt(fd.get(), SOL_SOCKET, which, &octets, sizeof octets) != 0) throw failure("buffer size");
  return fd;
}

/// Sleeps of tens of microseconds end when they should, not 50 later.
inline void ask_for_exact_timers() noexcept { ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); }

}  // namespace culvert::bench
