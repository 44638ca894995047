// SPDX-License-Identifier: MIT
#include "tun_link.hpp"

#include <linux/if.h>
#include <linux/sockios.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "unique_fd.hpp"

namespace culvert::io {
namespace {

Err<SystemError> failed(int code, std::string what) { return Err{SystemError{code, std::move(what)}}; }

ifreq request_for(const std::string& name) noexcept {
  ifreq request{};
  std::copy_n(name.begin(), std::min<std::size_t>(name.size(), IFNAMSIZ - 1), request.ifr_name);
  return request;
}

/// The interface ioctls take any socket.
Result<void, SystemError> ask(unsigned long what, ifreq& request, const char* verb, const TunCalls& calls) {
  const UniqueFd any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (any && calls.ioctl(any.get(), what, &request) == 0) return {};
  const int error = errno;
  return failed(error, std::string(verb) + " of interface " + request.ifr_name);
}

}  // namespace

Result<std::uint32_t, SystemError> link_mtu(const std::string& name, const TunCalls& calls) {
  ifreq request = request_for(name);
  const auto asked = ask(SIOCGIFMTU, request, "ask for the MTU", calls);
  if (!asked) return Err{asked.error()};
  return static_cast<std::uint32_t>(request.ifr_mtu);
}

Result<void, SystemError> set_link_mtu(const std::string& name, std::uint32_t mtu, const TunCalls& calls) {
  ifreq request = request_for(name);
  request.ifr_mtu = static_cast<int>(std::min<std::uint32_t>(mtu, 0x7fffffff));
  return ask(SIOCSIFMTU, request, "set the MTU", calls);
}

Result<LinkState, SystemError> link_state(const std::string& name, const TunCalls& calls) {
  ifreq request = request_for(name);
  const auto asked = ask(SIOCGIFFLAGS, request, "ask for the state", calls);
  if (!asked) return Err{asked.error()};
  return (request.ifr_flags & IFF_UP) != 0 ? LinkState::up : LinkState::down;
}

// Two signs, because neither tells on every kernel: a queue is writable only while the link is up (Linux 4.20 and
// later); a write of nothing fails with EIO while it is down and with EINVAL while it is up (before Linux 5; later
// always EINVAL).
Result<LinkState, SystemError> queue_link_state(int queue, const TunCalls& calls) {
  pollfd asked{.fd = queue, .events = POLLOUT, .revents = 0};
  if (calls.poll(&asked, 1, 0) < 0) return failed(errno, "poll a TUN queue");
  if ((asked.revents & (POLLERR | POLLNVAL)) != 0) return failed(EBADFD, "poll a TUN queue");
  if ((asked.revents & POLLOUT) == 0) return LinkState::down;
  if (calls.write(queue, "", 0) >= 0 || errno == EINVAL) return LinkState::up;
  if (errno == EIO) return LinkState::down;
  return failed(errno, "write to a TUN queue");
}

}  // namespace culvert::io
