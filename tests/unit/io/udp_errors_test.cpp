// SPDX-License-Identifier: MIT
// On loopback, where the kernel itself answers for closed ports.
#include "udp_errors.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>

#include "socket_name.hpp"
#include "udp_open.hpp"
#include "udp_slab.hpp"
#include "udp_system_socket.hpp"

using namespace culvert;
using namespace culvert::io;

namespace {

IpAddress loopback(Family family) {
  return family == Family::v4 ? from_in_addr({htonl(INADDR_LOOPBACK)}) : from_in6_addr(in6addr_loopback);
}

/// A port of this host that nobody has: it was bound once, and closed.
Endpoint closed_port(Family family) {
  const UniqueFd fd(::socket(family == Family::v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  Endpoint end{loopback(family), 0, 0};
  SocketName name{};
  socklen_t octets = to_socket_name(end, name);
  if (::bind(fd.get(), &name.generic, octets) != 0) return end;
  octets = sizeof name;
  REQUIRE(::getsockname(fd.get(), &name.generic, &octets) == 0);
  return *from_socket_name(name, octets);
}

std::unique_ptr<UdpSocket> lane_of(UdpGroup& group) {
  return make_udp_socket(std::move(group.lanes[0]), group.family, group.offloads);
}

SendOutcome send_to(UdpSocket& socket, const Endpoint& to, std::size_t count = 1) {
  std::vector<std::uint8_t> octets(100 * count, 7);
  OutTrain train;
  train.to = to;
  train.octets = octets;
  train.stride = 100;
  SendOutcome outcome;
  socket.send({&train, 1}, {&outcome, 1});
  return outcome;
}

bool has_error(const UdpSocket& socket) {
  pollfd entry{socket.descriptor(), 0, 0};
  return ::poll(&entry, 1, 5000) == 1 && (entry.revents & POLLERR) != 0;
}

}  // namespace

TEST_CASE("a closed port answers, and the answer says where our datagram went and who told") {
  for (const Family family : {Family::v4, Family::v6}) {
    const Endpoint closed = closed_port(family);
    if (closed.port == 0) continue;  // this host lacks the family
    auto group = open_udp_group(family, UdpOptions{});
    REQUIRE(group);
    const auto socket = lane_of(*group);
    CHECK_FALSE(take_icmp_error(socket->descriptor()));
    CHECK(send_to(*socket, closed).sent == 1);
    // The group's sockets share the port: whichever the kernel picks is told.
    auto control = make_udp_socket(std::move(group->control), family, {});
    pollfd entries[] = {{socket->descriptor(), 0, 0}, {control->descriptor(), 0, 0}};
    REQUIRE(::poll(entries, 2, 5000) >= 1);
    const auto error = take_icmp_error((entries[0].revents & POLLERR) != 0 ? entries[0].fd : entries[1].fd);
    REQUIRE(error);
    CHECK(error->kind == IcmpError::Kind::port_closed);
    CHECK(error->to == closed);
    CHECK(error->told_by == closed.address);
  }
}

TEST_CASE("an error about one destination costs no datagram to another") {
  const Endpoint closed = closed_port(Family::v4);
  const Endpoint elsewhere{loopback(Family::v4), 9, 0};
  UniqueFd listener(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  Endpoint open_end = elsewhere;
  open_end.port = 0;
  SocketName name{};
  REQUIRE(::bind(listener.get(), &name.generic, to_socket_name(open_end, name)) == 0);
  socklen_t octets = sizeof name;
  REQUIRE(::getsockname(listener.get(), &name.generic, &octets) == 0);
  open_end = *from_socket_name(name, octets);

  UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  keep_icmp_errors(fd.get(), Family::v4);
  const auto socket = make_udp_socket(std::move(fd), Family::v4, {});
  for (int i = 0; i < 20; ++i) {
    CHECK(send_to(*socket, closed).failed == 0);
    REQUIRE(has_error(*socket));
    const SendOutcome outcome = send_to(*socket, open_end, 3);
    CHECK(outcome.sent == 3);
    CHECK(outcome.failed == 0);
    CHECK_FALSE(outcome.source_rejected);
    while (take_icmp_error(socket->descriptor())) {
    }
  }
}

TEST_CASE("errors that come one after the other while a batch is sent cost no datagram of it") {
  for (const Family family : {Family::v4, Family::v6}) {
    const Endpoint closed = closed_port(family);
    if (closed.port == 0) continue;  // this host lacks the family
    UniqueFd fd(::socket(family == Family::v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    keep_icmp_errors(fd.get(), family);
    const auto socket = make_udp_socket(std::move(fd), family, {});
    // The kernel answers each on the spot, so that the one behind it hears of it.
    const std::vector<std::uint8_t> octets(100, 7);
    OutTrain train;
    train.to = closed;
    train.octets = octets;
    train.stride = 100;
    const std::vector<OutTrain> trains(16, train);
    std::vector<SendOutcome> outcomes(trains.size());
    for (int i = 0; i < 3; ++i) {
      socket->send(trains, outcomes);
      for (const SendOutcome& outcome : outcomes) CHECK(outcome.sent == 1);
    }
  }
}

TEST_CASE("a descriptor that is no socket has no errors to tell") { CHECK_FALSE(take_icmp_error(-1)); }
