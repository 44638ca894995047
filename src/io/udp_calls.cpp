// SPDX-License-Identifier: MIT
#include "udp_calls.hpp"

#include <netinet/in.h>
#include <poll.h>

#include <cerrno>

namespace culvert::io {
namespace {

int outcome(int returned) noexcept { return returned < 0 ? -errno : returned; }

class SystemUdpCalls final : public UdpCalls {
 public:
  int open(int domain) noexcept override {
    return outcome(::socket(domain, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP));
  }
  int bind(int fd, const sockaddr* name, socklen_t octets) noexcept override {
    return outcome(::bind(fd, name, octets));
  }
  int local_name(int fd, sockaddr* name, socklen_t* octets) noexcept override {
    return outcome(::getsockname(fd, name, octets));
  }
  int set_option(int fd, int level, int option, std::span<const std::byte> value) noexcept override {
    return outcome(::setsockopt(fd, level, option, value.data(), static_cast<socklen_t>(value.size())));
  }
  int get_option(int fd, int level, int option, int& value) noexcept override {
    socklen_t octets = sizeof value;
    return outcome(::getsockopt(fd, level, option, &value, &octets));
  }
  int send_batch(int fd, std::span<mmsghdr> messages) noexcept override {
    return outcome(
        ::sendmmsg(fd, messages.data(), static_cast<unsigned>(messages.size()), MSG_DONTWAIT | MSG_NOSIGNAL));
  }
  int receive_batch(int fd, std::span<mmsghdr> messages) noexcept override {
    return outcome(::recvmmsg(fd, messages.data(), static_cast<unsigned>(messages.size()), MSG_DONTWAIT, nullptr));
  }
  void wait(int fd, Await what, std::chrono::microseconds limit) noexcept override {
    pollfd entry{fd, POLLOUT, 0};
    const timespec time{limit.count() / 1'000'000, limit.count() % 1'000'000 * 1000};
    // ppoll rather than poll: the one of the two that the sandbox lets through.
    (void)::ppoll(&entry, what == Await::writable ? 1 : 0, &time, nullptr);
  }
};

}  // namespace

UdpCalls& system_udp_calls() noexcept {
  static SystemUdpCalls calls;
  return calls;
}

}  // namespace culvert::io
