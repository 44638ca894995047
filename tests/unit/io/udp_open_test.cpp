// SPDX-License-Identifier: MIT
#include "udp_open.hpp"

#include <dirent.h>
#include <fcntl.h>

#include <array>

#include "udp_support.hpp"
#include "udp_system_socket.hpp"

using namespace culvert;
using namespace culvert::io;
using namespace culvert::io::test;

namespace {

constexpr std::array<Family, 2> kFamilies{Family::v4, Family::v6};

UdpOptions lanes(std::size_t count, std::uint16_t port = 0) {
  UdpOptions options;
  options.lanes = count;
  options.port = port;
  return options;
}

int option_of(const UniqueFd& fd, int level, int option) {
  int value = -1;
  socklen_t octets = sizeof value;
  CHECK(::getsockopt(fd.get(), level, option, &value, &octets) == 0);
  return value;
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  DIR* folder = ::opendir("/proc/self/fd");
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

/// A socket of somebody else on the same port.
struct Stranger {
  UniqueFd fd;
  int bound = -1;

  Stranger(Family family, std::uint16_t port, bool shares)
      : fd(::socket(family == Family::v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const int one = 1;
    if (shares) REQUIRE(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) == 0);
    if (family == Family::v6) REQUIRE(::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) == 0);
    sockaddr_in6 name{};
    name.sin6_family = static_cast<sa_family_t>(family == Family::v4 ? AF_INET : AF_INET6);
    name.sin6_port = htons(port);  // at the same place in both forms
    const socklen_t octets = family == Family::v4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    bound = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), octets);
  }
};

}  // namespace

TEST_CASE("a group has one control socket and a socket for each lane, all on one port") {
  for (const Family family : kFamilies) {
    auto group = open_udp_group(family, lanes(3));
    REQUIRE(group);
    CHECK(group->family == family);
    CHECK(group->port != 0);
    CHECK(group->lanes.size() == 3);
    CHECK(group->lane_receive_octets > 0);
    std::vector<const UniqueFd*> all{&group->control};
    for (const UniqueFd& lane : group->lanes) all.push_back(&lane);
    for (const UniqueFd* fd : all) {
      sockaddr_in6 name{};
      socklen_t octets = sizeof name;
      REQUIRE(::getsockname(fd->get(), reinterpret_cast<sockaddr*>(&name), &octets) == 0);
      CHECK(ntohs(name.sin6_port) == group->port);
      CHECK((::fcntl(fd->get(), F_GETFD) & FD_CLOEXEC) != 0);
      CHECK((::fcntl(fd->get(), F_GETFL) & O_NONBLOCK) != 0);
      CHECK(::getpeername(fd->get(), reinterpret_cast<sockaddr*>(&name), &octets) == -1);
      CHECK(option_of(*fd, SOL_SOCKET, SO_RXQ_OVFL) == 1);
      if (family == Family::v4) {
        CHECK(option_of(*fd, IPPROTO_IP, IP_MTU_DISCOVER) == 0);  // IP_PMTUDISC_DONT
      } else {
        CHECK(option_of(*fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER) == 0);
        CHECK(option_of(*fd, IPPROTO_IPV6, IPV6_V6ONLY) == 1);
      }
    }
    CHECK(option_of(group->control, SOL_SOCKET, SO_RCVBUF) < option_of(group->lanes[0], SOL_SOCKET, SO_RCVBUF));
  }
}

TEST_CASE("a port in other hands is refused, also when its owner shares it") {
  for (const Family family : kFamilies) {
    for (const bool shares : {false, true}) {
      CAPTURE(shares);
      const Stranger stranger(family, 0, shares);
      REQUIRE(stranger.bound == 0);
      sockaddr_in6 name{};
      socklen_t octets = sizeof name;
      REQUIRE(::getsockname(stranger.fd.get(), reinterpret_cast<sockaddr*>(&name), &octets) == 0);
      const auto group = open_udp_group(family, lanes(2, ntohs(name.sin6_port)));
      REQUIRE_FALSE(group);
      CHECK(group.error().code == EADDRINUSE);
      CHECK(group.error().message().find(std::to_string(ntohs(name.sin6_port))) != std::string::npos);
    }
  }
}

TEST_CASE("two groups do not fit on one port, and the first one keeps it") {
  for (const Family family : kFamilies) {
    auto first = open_udp_group(family, lanes(2));
    REQUIRE(first);
    const auto second = open_udp_group(family, lanes(2, first->port));
    REQUIRE_FALSE(second);
    CHECK(second.error().code == EADDRINUSE);
    CHECK(Stranger(family, first->port, false).bound == -1);
    first->lanes.clear();
    first->control.reset();
    CHECK(open_udp_group(family, lanes(2, first->port)));
  }
}

TEST_CASE("both families open on one port") {
  auto outside = open_outside(lanes(2));
  REQUIRE(outside);
  REQUIRE(outside->v4);
  REQUIRE(outside->v6);
  CHECK(outside->port != 0);
  CHECK(outside->v4->port == outside->port);
  CHECK(outside->v6->port == outside->port);
}

TEST_CASE("a named port that is taken for IPv6 alone is refused, and nothing stays open") {
  const std::size_t before = open_descriptors();
  {
    auto other = open_udp_group(Family::v6, lanes(1));
    REQUIRE(other);
    const auto outside = open_outside(lanes(1, other->port));
    REQUIRE_FALSE(outside);
    CHECK(outside.error().code == EADDRINUSE);
  }
  CHECK(open_descriptors() == before);
}

TEST_CASE("a random port that is taken for IPv6 gives way to another") {
  FaultyCalls calls(system_udp_calls());
  // Calls to bind: 1 and 2 are IPv4's control socket and lane, 3 is IPv6's control socket.
  calls.fail(Op::bind, EADDRINUSE, 3);
  calls.fail(Op::bind, EADDRINUSE, 6);
  const auto outside = open_outside(lanes(1), {calls, "6.1"});
  REQUIRE(outside);
  CHECK(calls.injected == 2);
  CHECK(outside->v4->port == outside->v6->port);
}

TEST_CASE("a random port is sought a hundred times and not for ever") {
  FaultyCalls calls(system_udp_calls());
  calls.fail(Op::bind, EADDRINUSE, 1, 1'000'000);
  const auto outside = open_outside(lanes(1), {calls, "6.1"});
  REQUIRE_FALSE(outside);
  CHECK(outside.error().code == EADDRINUSE);
  CHECK(calls.made(Op::bind) == 100);
}

TEST_CASE("a named port is tried once") {
  FaultyCalls calls(system_udp_calls());
  calls.fail(Op::bind, EADDRINUSE, 1, 1'000'000);
  CHECK_FALSE(open_outside(lanes(1, 51820), {calls, "6.1"}));
  CHECK(calls.made(Op::bind) == 1);
}

TEST_CASE("a host without one of the families gets the other") {
  for (const int error : {EAFNOSUPPORT, EADDRNOTAVAIL}) {
    {
      FaultyCalls calls(system_udp_calls());
      calls.fail(Op::open, error, 1);
      const auto outside = open_outside(lanes(1), {calls, "6.1"});
      REQUIRE(outside);
      CHECK_FALSE(outside->v4);
      REQUIRE(outside->v6);
      CHECK(outside->port == outside->v6->port);
    }
    {
      FaultyCalls calls(system_udp_calls());
      calls.fail(Op::open, error, 3);
      const auto outside = open_outside(lanes(1), {calls, "6.1"});
      REQUIRE(outside);
      CHECK_FALSE(outside->v6);
      REQUIRE(outside->v4);
      CHECK(outside->port == outside->v4->port);
    }
    {
      FaultyCalls calls(system_udp_calls());
      calls.fail(Op::bind, error, 3);
      const auto outside = open_outside(lanes(1), {calls, "6.1"});
      REQUIRE(outside);
      CHECK_FALSE(outside->v6);
    }
    FaultyCalls calls(system_udp_calls());
    calls.fail(Op::open, error, 1, 2);
    const auto none = open_outside(lanes(1), {calls, "6.1"});
    REQUIRE_FALSE(none);
    CHECK(none.error().code == error);
  }
}

TEST_CASE("any other error of one family is an error of the whole") {
  FaultyCalls calls(system_udp_calls());
  calls.fail(Op::open, EMFILE, 3);
  const auto outside = open_outside(lanes(1), {calls, "6.1"});
  REQUIRE_FALSE(outside);
  CHECK(outside.error().message() == "open IPv6 socket: Too many open files");
}

TEST_CASE("any call that fails leaves no descriptor behind") {
  const std::size_t before = open_descriptors();
  for (const Op op : {Op::open, Op::bind, Op::local_name, Op::set_option, Op::get_option}) {
    for (unsigned nth = 1;; ++nth) {
      FaultyCalls calls(system_udp_calls());
      calls.fail(op, ENOBUFS, nth);
      {
        const auto outside = open_outside(lanes(2), {calls, "6.1"});
        if (!outside) CHECK(outside.error().code == ENOBUFS);
        if (op == Op::open || op == Op::bind || op == Op::local_name)
          CHECK((calls.injected == 0) == outside.has_value());
      }
      CHECK(open_descriptors() == before);
      if (calls.injected == 0) break;
      REQUIRE(nth < 200);
    }
  }
}

TEST_CASE("options without which the tunnel would do wrong are errors, comforts are not") {
  struct Row {
    int level, option;
    bool fatal;
  };
  for (const Row& row :
       {Row{IPPROTO_IP, IP_PKTINFO, true}, Row{IPPROTO_IP, IP_MTU_DISCOVER, true}, Row{IPPROTO_IP, IP_RECVTOS, true},
        Row{SOL_SOCKET, SO_REUSEPORT, true}, Row{SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, true},
        Row{SOL_SOCKET, SO_MARK, true}, Row{SOL_SOCKET, SO_RXQ_OVFL, false}, Row{SOL_SOCKET, SO_RCVBUFFORCE, false},
        Row{SOL_SOCKET, SO_RCVBUF, false}, Row{SOL_SOCKET, SO_SNDBUFFORCE, false}, Row{SOL_UDP, UDP_GRO, false}}) {
    CAPTURE(row.option);
    FaultyCalls calls(system_udp_calls());
    calls.fail_option(row.level, row.option, ENOPROTOOPT);
    UdpOptions options = lanes(1);
    if (row.option == SO_MARK) options.fwmark = 7;
    const auto group = open_udp_group(Family::v4, options, {calls, "6.1"});
    CHECK(group.has_value() == !row.fatal);
    if (!group) CHECK(group.error().code == ENOPROTOOPT);
  }
  for (const int option : {IPV6_V6ONLY, IPV6_RECVPKTINFO, IPV6_RECVTCLASS, IPV6_MTU_DISCOVER}) {
    FaultyCalls calls(system_udp_calls());
    calls.fail_option(IPPROTO_IPV6, option, ENOPROTOOPT);
    CHECK_FALSE(open_udp_group(Family::v6, lanes(1), {calls, "6.1"}));
  }
}

TEST_CASE("buffers are asked for with privilege first and without it then") {
  FaultyCalls calls(system_udp_calls());
  calls.fail_option(SOL_SOCKET, SO_RCVBUFFORCE, EPERM);
  UdpOptions options = lanes(1);
  options.lane_buffer_octets = 32'000;
  options.control_buffer_octets = 8'000;
  const auto group = open_udp_group(Family::v4, options, {calls, "6.1"});
  REQUIRE(group);
  CHECK(group->lane_receive_octets == 64'000);  // the kernel doubles what is asked
  CHECK(option_of(group->control, SOL_SOCKET, SO_RCVBUF) == 16'000);
}

TEST_CASE("offloads follow the options, the kernel release and the kernel") {
  UdpOptions options = lanes(1);
  FaultyCalls calls(system_udp_calls());
  const auto gro_of = [](const Result<UdpGroup, SystemError>& group) {
    return option_of(group->lanes[0], SOL_UDP, 104);
  };

  auto group = open_udp_group(Family::v4, options, {calls, "5.12.0"});
  REQUIRE(group);
  CHECK(group->offloads == UdpOffloads{true, true});
  CHECK(gro_of(group) == 1);

  group = open_udp_group(Family::v4, options, {calls, "5.11.9"});
  REQUIRE(group);
  CHECK(group->offloads == UdpOffloads{true, false});
  CHECK(gro_of(group) == 0);

  options.gro = Switch::off;
  group = open_udp_group(Family::v4, options, {calls, "6.1"});
  CHECK(group->offloads == UdpOffloads{true, false});
  CHECK(gro_of(group) == 0);

  options.gro = Switch::on;
  options.gso = Switch::off;
  group = open_udp_group(Family::v4, options, {calls, "6.1"});
  CHECK(group->offloads == UdpOffloads{false, true});

  options.gso = Switch::on;
  calls.fail(Op::get_option, ENOPROTOOPT, 1);
  group = open_udp_group(Family::v4, options, {calls, "6.1"});
  CHECK(group->offloads == UdpOffloads{false, true});
}

TEST_CASE("a count of lanes that no group has is refused") {
  FaultyCalls calls(system_udp_calls());
  CHECK(open_udp_group(Family::v4, lanes(0), {calls, "6.1"}).error().code == EINVAL);
  CHECK(open_udp_group(Family::v4, lanes(65), {calls, "6.1"}).error().code == EINVAL);
  CHECK(calls.made(Op::open) == 0);
  CHECK(open_udp_group(Family::v4, lanes(64)));
}

TEST_CASE("the mark of live sockets can be set and taken away") {
  auto outside = open_outside(lanes(2));
  REQUIRE(outside);
  const auto marked = set_fwmark(*outside, 0xca6c);
  if (!marked && marked.error().code == EPERM) {
    MESSAGE("skipped: a mark takes the capability to administer the network");
    return;
  }
  REQUIRE(marked);
  for (const auto* group : {&*outside->v4, &*outside->v6}) {
    CHECK(option_of(group->control, SOL_SOCKET, SO_MARK) == 0xca6c);
    for (const UniqueFd& lane : group->lanes) CHECK(option_of(lane, SOL_SOCKET, SO_MARK) == 0xca6c);
  }
  REQUIRE(set_fwmark(*outside, 0));
  CHECK(option_of(outside->v4->lanes[1], SOL_SOCKET, SO_MARK) == 0);

  UdpOptions options = lanes(1);
  options.fwmark = 51820;
  auto group = open_udp_group(Family::v4, options);
  REQUIRE(group);
  CHECK(option_of(group->control, SOL_SOCKET, SO_MARK) == 51820);
  CHECK(option_of(group->lanes[0], SOL_SOCKET, SO_MARK) == 51820);
}

TEST_CASE("the mark of a descriptor that is no socket cannot be set") {
  CHECK(set_fwmark(-1, 1).error().code == EBADF);
}
