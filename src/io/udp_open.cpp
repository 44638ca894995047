// SPDX-License-Identifier: MIT
// The order in which a group comes to be matters:
//
//   1. Socket 0 binds without SO_REUSEPORT, so that a port in other hands is refused even if those allow sharing.
//   2. Socket 0 gets SO_REUSEPORT, which lets sockets of our own user join.
//   3. Sockets 1 to N bind with it, in order: the kernel numbers a group's sockets by their joining.
//   4. The steering program goes on. What arrives between 3 and 4 may land anywhere; every socket's reader parses all.
#include "udp_open.hpp"

#include <netinet/udp.h>

#include <cerrno>
#include <string>

#include "socket_name.hpp"
#include "udp_calls.hpp"
#include "udp_kernel.hpp"

namespace culvert::io {
namespace {

constexpr int kRandomPortTries = 100;

/// Sets options one after the other; after the first failure nothing more, and `error` tells of it.
class OptionSetter {
 public:
  OptionSetter(UdpCalls& calls, int fd) noexcept : calls_(calls), fd_(fd) {}

  void set(int level, int option, int value, const char* what) {
    if (error_) return;
    if (const int r = try_set(level, option, value); r < 0) error_ = SystemError{-r, what};
  }
  int try_set(int level, int option, int value) noexcept {
    return calls_.set_option(fd_, level, option, std::as_bytes(std::span(&value, 1)));
  }
  [[nodiscard]] std::optional<SystemError>& error() noexcept { return error_; }

 private:
  UdpCalls& calls_;
  int fd_;
  std::optional<SystemError> error_;
};

enum class Role { control, lane };

void set_buffer(OptionSetter& setter, int force, int capped, int octets) noexcept {
  // Without the privilege the kernel takes what its limit allows; too small a buffer is no reason to stop.
  if (setter.try_set(SOL_SOCKET, force, octets) < 0) (void)setter.try_set(SOL_SOCKET, capped, octets);
}

void set_family_options(OptionSetter& setter, Family family) {
  if (family == Family::v4) {
    setter.set(IPPROTO_IP, IP_PKTINFO, 1, "set IP_PKTINFO");
    setter.set(IPPROTO_IP, IP_RECVTOS, 1, "set IP_RECVTOS");
    // Outer packets may be fragmented on their way, as those of [K].
    setter.set(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT, "set IP_MTU_DISCOVER");
    return;
  }
  setter.set(IPPROTO_IPV6, IPV6_V6ONLY, 1, "set IPV6_V6ONLY");
  setter.set(IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "set IPV6_RECVPKTINFO");
  setter.set(IPPROTO_IPV6, IPV6_RECVTCLASS, 1, "set IPV6_RECVTCLASS");
  setter.set(IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT, "set IPV6_MTU_DISCOVER");
}

Result<UniqueFd, SystemError> open_socket(Family family, Role role, const UdpOptions& options, UdpCalls& calls) {
  const int opened = calls.open(family == Family::v4 ? AF_INET : AF_INET6);
  if (opened < 0) return Err{SystemError{-opened, family == Family::v4 ? "open IPv4 socket" : "open IPv6 socket"}};
  UniqueFd fd(opened);
  OptionSetter setter(calls, fd.get());
  set_family_options(setter, family);
  if (options.fwmark != 0) setter.set(SOL_SOCKET, SO_MARK, static_cast<int>(options.fwmark), "set SO_MARK");
  (void)setter.try_set(SOL_SOCKET, SO_RXQ_OVFL, 1);  // a counter only
  // Why nobody answers, where somebody says so.
  (void)(family == Family::v4 ? setter.try_set(IPPROTO_IP, IP_RECVERR, 1)
                              : setter.try_set(IPPROTO_IPV6, IPV6_RECVERR, 1));
  const int receive_octets = role == Role::control ? options.control_buffer_octets : options.lane_buffer_octets;
  set_buffer(setter, SO_RCVBUFFORCE, SO_RCVBUF, receive_octets);
  if (role == Role::lane) set_buffer(setter, SO_SNDBUFFORCE, SO_SNDBUF, options.lane_buffer_octets);
  if (setter.error()) return Err{*setter.error()};
  return fd;
}

Result<void, SystemError> bind_any(UdpCalls& calls, int fd, Family family, std::uint16_t port) {
  SocketName name;
  const Endpoint any{IpAddress{family, {}}, port, 0};
  const socklen_t octets = to_socket_name(any, name);
  if (const int r = calls.bind(fd, &name.generic, octets); r < 0)
    return Err{SystemError{-r, "bind UDP port " + std::to_string(port)}};
  return {};
}

Result<std::uint16_t, SystemError> bound_port(UdpCalls& calls, int fd) {
  SocketName name{};
  socklen_t octets = sizeof name;
  if (const int r = calls.local_name(fd, &name.generic, &octets); r < 0)
    return Err{SystemError{-r, "read the bound UDP port"}};
  const auto endpoint = from_socket_name(name, octets);
  if (!endpoint) return Err{SystemError{EAFNOSUPPORT, "read the bound UDP port"}};
  return endpoint->port;
}

Result<void, SystemError> share_port(UdpCalls& calls, int fd) {
  OptionSetter setter(calls, fd);
  setter.set(SOL_SOCKET, SO_REUSEPORT, 1, "set SO_REUSEPORT");
  if (setter.error()) return Err{*setter.error()};
  return {};
}

Result<void, SystemError> steer(UdpCalls& calls, int fd, std::size_t lanes) {
  SteeringProgram steps = steering_program(lanes);
  const sock_fprog program{static_cast<unsigned short>(steps.size()), steps.data()};
  const int r = calls.set_option(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, std::as_bytes(std::span(&program, 1)));
  if (r < 0) return Err{SystemError{-r, "attach the steering program"}};
  return {};
}

Result<void, SystemError> join_lanes(UdpGroup& group, const UdpOptions& options, UdpCalls& calls) {
  for (std::size_t lane = 0; lane < options.lanes; ++lane) {
    auto fd = open_socket(group.family, Role::lane, options, calls);
    if (!fd) return Err{fd.error()};
    if (auto shared = share_port(calls, fd->get()); !shared) return shared;
    if (auto bound = bind_any(calls, fd->get(), group.family, group.port); !bound) return bound;
    group.lanes.push_back(*std::move(fd));
  }
  return {};
}

bool has_gso(UdpCalls& calls, int fd) noexcept {
  int value = 0;
  return calls.get_option(fd, SOL_UDP, UDP_SEGMENT, value) == 0;
}

/// True if all sockets have it. The kernel gathers before it steers, and any socket of the group that its hash of the
/// flow names says whether it may: so control gets trains, too. One that reaches a socket without UDP_GRO is split,
/// which costs but loses nothing.
bool enable_gro(const UdpGroup& group, UdpCalls& calls) noexcept {
  bool all = OptionSetter(calls, group.control.get()).try_set(SOL_UDP, UDP_GRO, 1) == 0;
  for (const UniqueFd& lane : group.lanes)
    all = OptionSetter(calls, lane.get()).try_set(SOL_UDP, UDP_GRO, 1) == 0 && all;
  return all;
}

bool lacks_family(int error) noexcept { return error == EAFNOSUPPORT || error == EADDRNOTAVAIL; }

/// Nullopt in the value's place: the host lacks this family.
using MaybeGroup = Result<std::optional<UdpGroup>, SystemError>;

MaybeGroup open_if_present(Family family, const UdpOptions& options, const UdpHost& host, SystemError& why_absent) {
  auto group = open_udp_group(family, options, host);
  if (group) return std::optional<UdpGroup>(*std::move(group));
  if (!lacks_family(group.error().code)) return Err{group.error()};
  why_absent = group.error();
  return std::optional<UdpGroup>();
}

Result<Outside, SystemError> open_outside_once(UdpOptions options, const UdpHost& host) {
  Outside outside;
  SystemError why_absent;
  auto v4 = open_if_present(Family::v4, options, host, why_absent);
  if (!v4) return Err{v4.error()};
  if (v4->has_value()) options.port = (*v4)->port;
  auto v6 = open_if_present(Family::v6, options, host, why_absent);
  if (!v6) return Err{v6.error()};
  outside.v4 = *std::move(v4);
  outside.v6 = *std::move(v6);
  if (!outside.v4 && !outside.v6) return Err{why_absent};
  outside.port = outside.v4 ? outside.v4->port : outside.v6->port;
  return outside;
}

}  // namespace

Result<UdpGroup, SystemError> open_udp_group(Family family, const UdpOptions& options, const UdpHost& host) {
  UdpCalls& calls = host.calls;
  if (options.lanes < 1 || options.lanes > kMaxLanes) return Err{SystemError{EINVAL, "count the UDP lanes"}};
  UdpGroup group;
  group.family = family;
  auto control = open_socket(family, Role::control, options, calls);
  if (!control) return Err{control.error()};
  group.control = *std::move(control);
  const int first = group.control.get();
  if (auto bound = bind_any(calls, first, family, options.port); !bound) return Err{bound.error()};
  const auto port = bound_port(calls, first);
  if (!port) return Err{port.error()};
  group.port = *port;
  if (auto shared = share_port(calls, first); !shared) return Err{shared.error()};
  if (auto joined = join_lanes(group, options, calls); !joined) return Err{joined.error()};
  if (auto steered = steer(calls, first, options.lanes); !steered) return Err{steered.error()};

  group.offloads.gso = options.gso == Switch::on && has_gso(calls, group.lanes.front().get());
  group.offloads.gro = options.gro == Switch::on && has_sound_udp_gro(host.kernel_release) && enable_gro(group, calls);
  (void)calls.get_option(group.lanes.front().get(), SOL_SOCKET, SO_RCVBUF, group.lane_receive_octets);
  return group;
}

Result<UdpGroup, SystemError> open_udp_group(Family family, const UdpOptions& options) {
  const std::string release = running_kernel_release();
  return open_udp_group(family, options, UdpHost{system_udp_calls(), release});
}

Result<Outside, SystemError> open_outside(const UdpOptions& options, const UdpHost& host) {
  // A port that is free for one family may be taken for the other; only a port that we chose may be given up.
  const int tries = options.port == 0 ? kRandomPortTries : 1;
  for (int i = 1;; ++i) {
    auto outside = open_outside_once(options, host);
    if (outside || outside.error().code != EADDRINUSE || i == tries) return outside;
  }
}

Result<Outside, SystemError> open_outside(const UdpOptions& options) {
  const std::string release = running_kernel_release();
  return open_outside(options, UdpHost{system_udp_calls(), release});
}

Result<void, SystemError> set_fwmark(int socket, std::uint32_t fwmark) {
  OptionSetter setter(system_udp_calls(), socket);
  setter.set(SOL_SOCKET, SO_MARK, static_cast<int>(fwmark), "set SO_MARK");
  if (setter.error()) return Err{*setter.error()};
  return {};
}

Result<void, SystemError> set_fwmark(const UdpGroup& group, std::uint32_t fwmark) {
  if (auto marked = set_fwmark(group.control.get(), fwmark); !marked) return marked;
  for (const UniqueFd& lane : group.lanes)
    if (auto marked = set_fwmark(lane.get(), fwmark); !marked) return marked;
  return {};
}

Result<void, SystemError> set_fwmark(const Outside& outside, std::uint32_t fwmark) {
  for (const auto* group : {&outside.v4, &outside.v6})
    if (*group)
      if (auto marked = set_fwmark(**group, fwmark); !marked) return marked;
  return {};
}

void set_lane_buffers(const Outside& outside, int octets) noexcept {
  for (const auto* group : {&outside.v4, &outside.v6}) {
    if (!*group) continue;
    for (const UniqueFd& lane : (*group)->lanes) {
      OptionSetter setter(system_udp_calls(), lane.get());
      set_buffer(setter, SO_RCVBUFFORCE, SO_RCVBUF, octets);
      set_buffer(setter, SO_SNDBUFFORCE, SO_SNDBUF, octets);
    }
  }
}

}  // namespace culvert::io
