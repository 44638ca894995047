// SPDX-License-Identifier: MIT
// The system calls of the outside half, each a virtual function so that tests can make the n-th one fail.
// All return 0 or a count, or the errno negated.
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <span>

namespace culvert::io {

class UdpCalls {
 public:
  enum class Await : bool { writable, nothing };

  UdpCalls() = default;
  UdpCalls(const UdpCalls&) = delete;
  UdpCalls& operator=(const UdpCalls&) = delete;
  virtual ~UdpCalls() = default;

  /// A UDP socket, non-blocking and close-on-exec.
  [[nodiscard]] virtual int open(int domain) noexcept = 0;
  [[nodiscard]] virtual int bind(int fd, const sockaddr* name, socklen_t octets) noexcept = 0;
  [[nodiscard]] virtual int local_name(int fd, sockaddr* name, socklen_t* octets) noexcept = 0;
  [[nodiscard]] virtual int set_option(int fd, int level, int option, std::span<const std::byte> value) noexcept = 0;
  [[nodiscard]] virtual int get_option(int fd, int level, int option, int& value) noexcept = 0;

  /// sendmmsg: the count of messages sent, at least 1; or the error of the first.
  [[nodiscard]] virtual int send_batch(int fd, std::span<mmsghdr> messages) noexcept = 0;
  /// recvmmsg: the count of messages received, at least 1; or the error.
  [[nodiscard]] virtual int receive_batch(int fd, std::span<mmsghdr> messages) noexcept = 0;
  /// Sleeps until `limit` is over or, with `writable`, the socket takes datagrams again.
  virtual void wait(int fd, Await what, std::chrono::microseconds limit) noexcept = 0;
};

/// The real ones. Without state; any thread.
[[nodiscard]] UdpCalls& system_udp_calls() noexcept;

}  // namespace culvert::io
