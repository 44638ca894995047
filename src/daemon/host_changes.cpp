// SPDX-License-Identifier: MIT
#include "host_changes.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <optional>

#include "unique_fd.hpp"
#include "watch.hpp"

namespace culvert::daemon {
namespace {

constexpr auto kCalm = std::chrono::milliseconds(300);  // after the last news; a lease brings several

constexpr auto kLongest = std::chrono::seconds(3);  // after the first news: on a busy router they never end

// Of a link it is the MTU, which routes inherit without any news of their own.
constexpr unsigned kGroups =
    RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;

}  // namespace

struct HostChanges::State {
  State(asio::io_context& context, io::UniqueFd opened, std::function<void()> called)
      : fd(std::move(opened)),
        changed(std::move(called)),
        calm(context),
        watch(context, fd.get(), [this] { drain(); }) {}

  /// What changed is not read: whoever looks at the host again sees it. Lost news (ENOBUFS) are news as well.
  void drain() {
    std::array<char, 8192> buffer;
    while (::recv(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT) >= 0 || errno == EINTR || errno == ENOBUFS) {
    }
    const auto now = std::chrono::steady_clock::now();
    if (!first) first = now;
    calm.expires_at(std::min(now + kCalm, *first + kLongest));
    calm.async_wait([this](const asio::error_code& error) {
      if (error) return;
      first.reset();
      changed();
    });
  }

  io::UniqueFd fd;
  std::function<void()> changed;
  asio::steady_timer calm;
  std::optional<std::chrono::steady_clock::time_point> first;  // of the news that nobody has been told of
  engine::Watch watch;
};

Result<HostChanges, int> HostChanges::watch(asio::io_context& context, std::function<void()> changed) {
  io::UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  if (!fd) return Err{errno};
  sockaddr_nl name{};
  name.nl_family = AF_NETLINK;
  name.nl_groups = kGroups;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) return Err{errno};
  return HostChanges(std::make_unique<State>(context, std::move(fd), std::move(changed)));
}

HostChanges::HostChanges(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
HostChanges::HostChanges(HostChanges&&) noexcept = default;
HostChanges::~HostChanges() = default;

}  // namespace culvert::daemon
