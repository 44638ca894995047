// SPDX-License-Identifier: MIT
// Real sockets of the running kernel, over the loopback interface.
#include "udp_ends.hpp"
#include "udp_errors.hpp"

using namespace culvert;
using namespace culvert::io;
using namespace culvert::io::test;

namespace {

constexpr std::array<Family, 2> kFamilies{Family::v4, Family::v6};

}  // namespace

TEST_CASE("datagrams of every size from 0 to 65507 octets arrive whole, with their sender") {
  for (const Family family : kFamilies) {
    End from(family);
    End to(family);
    std::vector<std::size_t> sizes;
    for (std::size_t n = 0; n <= 1600; n += 1) sizes.push_back(n);
    for (std::size_t n = 1601; n <= 65507; n += 1597) sizes.push_back(n);
    sizes.insert(sizes.end(), {4095, 4096, 9000, 10'000, 65'506, 65'507});
    std::uint32_t number = 0;
    for (const std::size_t size : sizes) {
      Datagram octets = numbered(size, ++number);
      if (size > 0) octets[0] = 1;
      REQUIRE(send_one(from.lane(), {to.at, std::nullopt, 0, octets, size}).sent == 1);
      const auto arrived = collect(*to.control, 1, 2);
      REQUIRE(arrived.size() == 1);
      REQUIRE(arrived[0].octets == octets);
      REQUIRE_FALSE(arrived[0].truncated);
      REQUIRE(arrived[0].from == from.at);
      REQUIRE(arrived[0].local);
      CHECK(arrived[0].local->address == loopback(family));
      CHECK(arrived[0].local->interface_index != 0);
    }
  }
}

TEST_CASE("a datagram beyond 65507 octets fails and is told") {
  End from(Family::v4);
  const Datagram octets = numbered(65508, 1);
  const SendOutcome outcome = send_one(from.lane(), {from.at, std::nullopt, 0, octets, octets.size()});
  CHECK(outcome.failed == 1);
  CHECK(outcome.error == EMSGSIZE);
}

TEST_CASE("trains of 1 to 64 datagrams arrive in order, with any of the offloads on or off") {
  for (const Family family : kFamilies) {
    for (const Switch gso : {Switch::off, Switch::on}) {
      for (const Switch gro : {Switch::off, Switch::on}) {
        End from(family, 1, gso, gro);
        End to(family, 1, gso, gro);
        for (const std::size_t count : {1U, 2U, 3U, 17U, 63U, 64U}) {
          for (const std::size_t tail : {1U, 40U, 992U}) {
            const Datagram octets = numbered((count - 1) * 992 + tail, 3);
            const auto outcome = send_one(from.lane(), {to.at, std::nullopt, 0, octets, 992});
            CHECK(outcome.sent == count);
            CHECK(outcome.error == 0);
            CHECK(outcome.gso_disabled_by == 0);
            const auto arrived = collect(*to.control, count);
            CHECK(split(arrived) == cut(octets, 992));
            for (const Arrived& a : arrived) CHECK_FALSE(a.truncated);
            // Loopback does not gather datagrams, but it hands a train that was sent as one over as one.
            if (gso == Switch::on && gro == Switch::on) CHECK(arrived.size() == 1);
            if (gro == Switch::off) CHECK(arrived.size() == count);
          }
        }
        CHECK(from.lane().counters().gso_fallbacks == 0);
        CHECK(from.lane().counters().sent_datagrams == to.control->counters().received_datagrams);
        if (gso == Switch::on) CHECK(from.lane().counters().sent_calls == 18);
      }
    }
  }
}

TEST_CASE("a slot holds the longest train, and a batch of trains arrives in order") {
  End from(Family::v4);
  End to(Family::v4);
  std::vector<Datagram> octets;
  std::vector<OutTrain> trains;
  std::vector<Datagram> expected;
  for (std::uint32_t i = 0; i < 8; ++i) octets.push_back(data_message(45 * 1455, 0, i));
  for (const Datagram& o : octets) {
    trains.push_back({to.at, std::nullopt, 0, o, 1455});
    for (Datagram& d : cut(o, 1455)) expected.push_back(std::move(d));
  }
  // A train of random octets is steered by its first datagram, the receivers parse all.
  std::vector<SendOutcome> outcomes(trains.size());
  from.lane().send(trains, outcomes);
  for (const SendOutcome& outcome : outcomes) CHECK(outcome.sent == 45);
  CHECK(from.lane().counters().sent_calls == 1);
  CHECK(split(collect(to.lane(), expected.size(), 3)) == expected);
}

TEST_CASE("a slab of one slot takes one train at a time") {
  End from(Family::v4);
  End to(Family::v4);
  const Datagram octets = numbered(300, 1);
  for (int i = 0; i < 3; ++i) CHECK(send_one(from.lane(), {to.at, std::nullopt, 0, octets, 100}).sent == 3);
  ReceiveSlab slab(1);
  for (int i = 0; i < 3; ++i) {
    const auto outcome = to.control->receive(slab);
    REQUIRE(outcome.trains.size() == 1);
    CHECK(outcome.trains[0].octets.size() == 300);
    CHECK(outcome.trains[0].stride == 100);
  }
  CHECK(to.control->receive(slab).status == ReceiveStatus::empty);
}

TEST_CASE("all eight bits of TOS and traffic class leave, and ECN is seen on arrival") {
  for (const Family family : kFamilies) {
    End from(family);
    End to(family);
    const Datagram octets = numbered(200, 1);
    for (const std::uint8_t tos : Octets<8>{0x00, 0x01, 0x02, 0x03, 0x88, 0x8a, 0xff, 0x00}) {
      CAPTURE(tos);
      REQUIRE(send_one(from.lane(), {to.at, std::nullopt, tos, octets, 100}).sent == 2);
      const auto arrived = collect(*to.control, 2);
      REQUIRE(arrived.size() == 1);
      CHECK(static_cast<int>(arrived[0].ecn) == (tos & 3));
    }
  }
}

TEST_CASE("each message reaches the socket that the low bits of its receiver index name") {
  for (const Family family : kFamilies) {
    for (const std::size_t lanes : {1U, 2U, 3U, 5U, 8U, 64U}) {
      End from(family);
      End to(family, lanes);
      const std::size_t mask = lanes == 1 ? 0 : lanes == 2 ? 1 : lanes == 3 ? 3 : lanes <= 8 ? 7 : 63;
      for (std::uint32_t low = 0; low < 64; ++low) {
        const std::uint32_t index = 0xa5c3'7f00 | low | 0x40;
        const std::size_t lane = (low & mask) % lanes;  // 0x40 lies above every mask
        const Datagram octets = data_message(48, index, low);
        REQUIRE(send_one(from.lane(), {to.at, std::nullopt, 0, octets, 48}).sent == 1);
        const auto arrived = collect(to.lane(lane), 1, 2);
        REQUIRE(arrived.size() == 1);
        CHECK(arrived[0].octets == octets);
      }
      for (std::size_t lane = 0; lane < lanes; ++lane) CHECK(is_quiet(to.lane(lane)));
      CHECK(is_quiet(*to.control));
    }
  }
}

TEST_CASE("whatever is no data message reaches the control socket, of any type and length") {
  for (const Family family : kFamilies) {
    End from(family);
    End to(family, 3);
    std::uint32_t number = 0;
    for (unsigned type = 0; type < 256; ++type) {
      for (const std::size_t size : {1U, 4U, 5U, 32U, 92U, 148U}) {
        Datagram octets = numbered(size, ++number);
        octets[0] = static_cast<std::uint8_t>(type);
        if (size > 4) octets[4] = 1;
        const bool to_lane = type == 4 && size > 4;  // too short to name a lane: the control thread's
        REQUIRE(send_one(from.lane(), {to.at, std::nullopt, 0, octets, size}).sent == 1);
        const auto arrived = collect(to_lane ? to.lane(1) : *to.control, 1, 1);
        REQUIRE(arrived.size() == 1);
        CHECK(arrived[0].octets == octets);
      }
    }
    REQUIRE(send_one(from.lane(), {to.at, std::nullopt, 0, {}, 1}).sent == 1);
    const auto empty = collect(*to.control, 1, 1);
    REQUIRE(empty.size() == 1);
    CHECK(empty[0].octets.empty());
    for (std::size_t lane = 0; lane < 3; ++lane) CHECK(is_quiet(to.lane(lane)));
  }
}

TEST_CASE("a port that nobody listens on does no harm to a socket that sends there") {
  for (const Family family : kFamilies) {
    End end(family);
    Endpoint closed = end.at;
    {
      const End gone(family);
      closed = gone.at;
    }
    const Datagram octets = numbered(100, 1);
    for (int i = 0; i < 5; ++i) CHECK(send_one(end.lane(), {closed, std::nullopt, 0, octets, 100}).sent == 1);
    // The kernel's word of it comes before the next send returns, at whichever socket of the group.
    for (UdpSocket* socket : {&end.lane(), end.control.get()})
      while (take_icmp_error(socket->descriptor())) {
      }
    REQUIRE(is_quiet(end.lane()));
    CHECK(send_one(end.lane(), {end.at, std::nullopt, 0, octets, 100}).sent == 1);
    CHECK(collect(*end.control, 1).size() == 1);
  }
}

TEST_CASE("datagrams that find the buffer full are counted once the next one arrives") {
  UdpOptions options;
  options.control_buffer_octets = 4096;
  auto group = open_udp_group(Family::v4, options);
  REQUIRE(group);
  const Endpoint at{loopback(Family::v4), group->port, 0};
  auto control = make_udp_socket(std::move(group->control), Family::v4, group->offloads);
  End from(Family::v4);
  const Datagram octets = numbered(1000, 1);
  for (int i = 0; i < 50; ++i) CHECK(send_one(from.lane(), {at, std::nullopt, 0, octets, 1000}).sent == 1);
  ReceiveSlab slab(64);
  const std::size_t kept = control->receive(slab).trains.size();
  CHECK(kept < 50);
  CHECK(send_one(from.lane(), {at, std::nullopt, 0, octets, 1000}).sent == 1);
  CHECK(collect(*control, 1).size() == 1);
  CHECK(control->counters().kernel_drops == 50 - kept);
}

TEST_CASE("a closed descriptor is told from a quiet one") {
  auto closed = make_udp_socket(UniqueFd(), Family::v4, {});
  ReceiveSlab slab(1);
  const auto outcome = closed->receive(slab);
  CHECK(outcome.status == ReceiveStatus::dead);
  CHECK(outcome.error == EBADF);
  CHECK(closed->descriptor() == -1);
  const Datagram octets = numbered(100, 1);
  CHECK(send_one(*closed, {{loopback(Family::v4), 9, 0}, std::nullopt, 0, octets, 100}).error == EBADF);
}
