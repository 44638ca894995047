// SPDX-License-Identifier: MIT
// Two hosts and a wire between them: what loopback does not have, which is gathering of datagrams, routes that come and
// go, an MTU in the way, addresses that vanish, and a firewall.
#include "udp_netns.hpp"

#include <net/if.h>

#include "udp_ends.hpp"

using namespace culvert;
using namespace culvert::io;
using namespace culvert::io::test;

namespace {

constexpr std::array<Family, 2> kFamilies{Family::v4, Family::v6};

IpAddress near_address(Family family) {
  return family == Family::v4 ? v4(10, 77, 0, 1) : v6({0xfd77, 0, 0, 0, 0, 0, 0, 1});
}
IpAddress far_address(Family family) {
  return family == Family::v4 ? v4(10, 77, 0, 2) : v6({0xfd77, 0, 0, 0, 0, 0, 0, 2});
}

/// Sends one datagram until the neighbour is known and it arrives, so that tests begin with a warm wire.
void warm_up(End& from, End& to, Family family) {
  const Datagram hello = numbered(8, 1);
  REQUIRE(send_one(from.lane(), {to.by(far_address(family)), std::nullopt, 0, hello, 8}).sent == 1);
  REQUIRE(collect(*to.control, 1).size() == 1);
}

/// Enlarges what one poll of the receiving side may gather: it holds datagrams back for some milliseconds.
bool gather_on(const std::string& link) {
  return TwoHosts::run("ethtool -K " + link + " gro on") &&
         TwoHosts::run("unshare -m sh -c 'mount -t sysfs none /sys && echo 5000000 >/sys/class/net/" + link +
                       "/gro_flush_timeout && echo 2 >/sys/class/net/" + link + "/napi_defer_hard_irqs'");
}

struct Stream {
  std::vector<Datagram> octets;  // of the trains, in order of sending
  std::vector<std::size_t> strides;
  std::vector<Datagram> datagrams;

  void add(std::size_t count, std::size_t stride, std::uint8_t type, std::uint32_t index) {
    Datagram train;
    for (std::size_t i = 0; i < count; ++i) {
      const auto number = static_cast<std::uint32_t>(datagrams.size());
      Datagram d = data_message(stride, index, number);
      d[0] = type;
      std::memcpy(d.data() + 8, &number, sizeof number);
      train.insert(train.end(), d.begin(), d.end());
      datagrams.push_back(std::move(d));
    }
    octets.push_back(std::move(train));
    strides.push_back(stride);
  }
};

std::uint32_t number_of(const Datagram& d) {
  std::uint32_t number = 0;
  std::memcpy(&number, d.data() + 8, sizeof number);
  return number;
}

/// Where the program sends a datagram, of three lanes: 0 is the control socket.
std::size_t socket_of(const Datagram& d) { return d[0] == 4 ? 1 + (d[4] & 3U) % 3 : 0; }

/// Trains and single datagrams for three lanes, and handshakes between them: fewer than the 256 that a veth pair holds
/// while its far side waits for more to gather.
Stream mixed_stream() {
  Stream out;
  for (std::uint32_t round = 0; round < 20; ++round) {
    out.add(1 + round * 7 % 20, round % 5 == 4 ? 200 : 1200, 4, 0x1234'5600 | round % 3);
    if (round % 4 == 0) out.add(1, 148, 1, 0);
  }
  return out;
}

void send_all(End& from, const Endpoint& to, const Stream& stream) {
  std::vector<OutTrain> trains;
  for (std::size_t i = 0; i < stream.octets.size(); ++i)
    trains.push_back({to, std::nullopt, 0, stream.octets[i], stream.strides[i]});
  std::vector<SendOutcome> outcomes(trains.size());
  from.lane().send(trains, outcomes);
  for (const SendOutcome& outcome : outcomes) CHECK(outcome.failed == 0);
}

/// What is there within 10 milliseconds, which is longer than the link holds anything back.
std::vector<Arrived> collect_waiting(UdpSocket& socket) {
  pollfd entry{socket.descriptor(), POLLIN, 0};
  return ::poll(&entry, 1, 10) > 0 ? collect(socket, 1, 64) : std::vector<Arrived>{};
}

std::size_t longest(const std::vector<Arrived>& arrived) {
  std::size_t most = 0;
  for (const Arrived& a : arrived) most = std::max(most, datagram_count(a.octets.size(), a.stride));
  return most;
}

}  // namespace

TEST_CASE("over a wire, trains and single datagrams reach the sockets that the program names, in order") {
  const TwoHosts hosts;
  if (!hosts.usable()) return;
  for (const Family family : kFamilies) {
    for (const Switch gso : {Switch::off, Switch::on}) {
      hosts.to_far();
      End to(family, 3);
      REQUIRE(to.offloads.gro);
      hosts.to_near();
      End from(family, 1, gso);
      warm_up(from, to, family);
      const Stream stream = mixed_stream();
      send_all(from, to.by(far_address(family)), stream);

      std::vector<Datagram> expected[4];
      for (const Datagram& d : stream.datagrams) expected[socket_of(d)].push_back(d);
      CHECK(split(collect(*to.control, expected[0].size())) == expected[0]);
      for (std::size_t lane = 0; lane < 3; ++lane) {
        const auto arrived = collect(to.lane(lane), expected[1 + lane].size());
        CHECK(split(arrived) == expected[1 + lane]);
        if (gso == Switch::on) CHECK(longest(arrived) > 1);
        for (const Arrived& a : arrived) CHECK(a.local->address == far_address(family));
      }
      for (std::size_t lane = 0; lane < 3; ++lane) CHECK(is_quiet(to.lane(lane)));
      CHECK(is_quiet(*to.control));
    }
  }
}

namespace {

/// Takes what the sockets hold until all of the stream is there; each datagram once, unchanged, in order for its
/// socket, and each train where its first datagram belongs. \returns the longest train.
std::size_t check_gathered(const Stream& stream, std::span<UdpSocket* const> sockets) {
  std::vector<bool> seen(stream.datagrams.size(), false);
  std::vector<std::int64_t> last(sockets.size(), -1);
  std::size_t most = 0;
  std::size_t left = stream.datagrams.size();
  for (int round = 0; left > 0 && round < 200; ++round) {
    for (std::size_t s = 0; s < sockets.size(); ++s) {
      const auto arrived = collect_waiting(*sockets[s]);
      most = std::max(most, longest(arrived));
      for (const Arrived& a : arrived) CHECK(socket_of(a.octets) == s);
      for (const Datagram& d : split(arrived)) {
        const std::uint32_t number = number_of(d);
        REQUIRE(number < seen.size());
        CHECK(d == stream.datagrams[number]);
        CHECK_FALSE(seen[number]);
        CHECK(last[s] < number);
        last[s] = number;
        seen[number] = true;
        --left;
      }
    }
  }
  CHECK(left == 0);
  return most;
}

}  // namespace

// The kernel gathers by one flow's addresses, ports and lengths, and does not look inside: what follows in a train may
// be for another lane, or a handshake. So who reads a socket has to parse all.
TEST_CASE("datagrams that the receiving side gathers arrive all, once and in order, where the first of them belongs") {
  const TwoHosts hosts;
  if (!hosts.usable()) return;
  hosts.to_far();
  bool gathers = gather_on("far");
  hosts.to_near();
  // veth lets the far side gather only what the near side could not have sent as one.
  gathers = TwoHosts::run("ethtool -K near tso off") && gathers;
  if (!gathers) {
    MESSAGE("skipped: no ethtool, or no mount to reach the link's settings by");
    return;
  }
  for (const Family family : kFamilies) {
    for (const Switch gso : {Switch::off, Switch::on}) {
      hosts.to_far();
      End to(family, 3);
      hosts.to_near();
      End from(family, 1, gso);
      warm_up(from, to, family);
      const Stream stream = mixed_stream();
      send_all(from, to.by(far_address(family)), stream);
      UdpSocket* const sockets[] = {to.control.get(), &to.lane(0), &to.lane(1), &to.lane(2)};
      CHECK(check_gathered(stream, sockets) > 1);
    }
  }
}

TEST_CASE("a segment beyond the route's MTU: plain at once, whole on arrival, segmented again when routes change") {
  const TwoHosts hosts;
  if (!hosts.usable()) return;
  for (const Family family : kFamilies) {
    hosts.to_far();
    End to(family);
    hosts.to_near();
    End from(family);
    warm_up(from, to, family);
    REQUIRE(TwoHosts::run("ip link set near mtu 1280"));
    const Datagram octets = numbered(6 * 1400 + 77, 9);
    const OutTrain train{to.by(far_address(family)), std::nullopt, 0, octets, 1400};
    for (int i = 0; i < 3; ++i) {
      const SendOutcome outcome = send_one(from.lane(), train);
      CHECK(outcome.sent == 7);
      CHECK(outcome.failed == 0);
      CHECK(outcome.gso_disabled_by == 0);
      CHECK(split(collect(*to.control, 7)) == cut(octets, 1400));
    }
    CHECK(from.lane().counters().gso_fallbacks == 1);

    REQUIRE(TwoHosts::run("ip link set near mtu 1500"));
    from.lane().forget_destinations();
    const std::uint64_t calls = from.lane().counters().sent_calls;
    CHECK(send_one(from.lane(), train).sent == 7);
    CHECK(from.lane().counters().sent_calls == calls + 1);
    CHECK(split(collect(*to.control, 7)) == cut(octets, 1400));
    CHECK(from.lane().counters().gso_fallbacks == 1);
  }
}

TEST_CASE("trains arrive whole when the wire computes no checksums") {
  const TwoHosts hosts;
  if (!hosts.usable()) return;
  if (!TwoHosts::run("ethtool -K near tx off")) {
    MESSAGE("skipped: no ethtool");
    return;
  }
  for (const Family family : kFamilies) {
    hosts.to_far();
    End to(family);
    hosts.to_near();
    End from(family);
    warm_up(from, to, family);
    const Datagram octets = numbered(20 * 1300, 9);
    CHECK(send_one(from.lane(), {to.by(far_address(family)), std::nullopt, 0, octets, 1300}).sent == 20);
    CHECK(split(collect(*to.control, 20)) == cut(octets, 1300));
  }
}

TEST_CASE("answers leave from the address that was asked, until it is no longer ours") {
  const TwoHosts hosts;
  if (!hosts.usable()) return;
  for (const Family family : kFamilies) {
    const bool is_v4 = family == Family::v4;
    const IpAddress second = is_v4 ? v4(10, 78, 0, 9) : v6({0xfd78, 0, 0, 0, 0, 0, 0, 9});
    const std::string text = is_v4 ? "10.78.0.9/32" : "fd78::9/128";
    hosts.to_far();
    End far(family);
    REQUIRE(TwoHosts::run(is_v4 ? "ip route add 10.78.0.0/24 via 10.77.0.1" : "ip -6 route add fd78::/64 via fd77::1"));
    hosts.to_near();
    End near(family);
    REQUIRE(TwoHosts::run("ip addr add " + text + " dev lo"));
    warm_up(near, far, family);

    const Datagram question = numbered(100, 1);
    // The kernel makes an IPv6 address usable a moment after it was added, on a thread of its own.
    std::vector<Arrived> asked;
    for (int tries = 0; asked.empty() && tries < 20; ++tries) {
      REQUIRE(send_one(far.lane(), {near.by(second), std::nullopt, 0, question, 100}).sent == 1);
      asked = collect(*near.control, 1);
    }
    REQUIRE(asked.size() == 1);
    REQUIRE(asked[0].local);
    CHECK(asked[0].local->address == second);

    const Datagram answer = numbered(1000, 2);
    SendOutcome outcome = send_one(near.lane(), {asked[0].from, asked[0].local, 0, answer, 100});
    CHECK(outcome.sent == 10);
    CHECK_FALSE(outcome.source_rejected);
    auto answered = collect(*far.control, 10);
    REQUIRE(!answered.empty());
    CHECK(answered[0].from == near.by(second));

    REQUIRE(TwoHosts::run("ip addr del " + text + " dev lo"));
    outcome = send_one(near.lane(), {asked[0].from, asked[0].local, 0, answer, 100});
    CHECK(outcome.sent == 10);
    CHECK(outcome.failed == 0);
    CHECK(outcome.source_rejected);
    CHECK(outcome.gso_disabled_by == 0);
    CHECK(near.lane().counters().gso_fallbacks == 0);
    answered = collect(*far.control, 10);
    REQUIRE(!answered.empty());
    CHECK(answered[0].from == near.by(near_address(family)));
    CHECK(split(answered) == cut(answer, 100));
  }
}

TEST_CASE("a link-local peer is answered on its link, from the link-local address that it asked") {
  const TwoHosts hosts;
  if (!hosts.usable()) return;
  hosts.to_far();
  REQUIRE(TwoHosts::run("ip -6 addr add fe80::2/64 dev far nodad"));
  TwoHosts::await_ipv6("fe80::2");
  const std::uint32_t far_link = ::if_nametoindex("far");
  End far(Family::v6);
  hosts.to_near();
  REQUIRE(TwoHosts::run("ip -6 addr add fe80::1/64 dev near nodad"));
  TwoHosts::await_ipv6("fe80::1");
  const std::uint32_t near_link = ::if_nametoindex("near");
  End near(Family::v6);

  const Datagram octets = numbered(300, 1);
  const Source from_far{v6({0xfe80, 0, 0, 0, 0, 0, 0, 2}), far_link};
  const Endpoint near_local = near.by(v6({0xfe80, 0, 0, 0, 0, 0, 0, 1}), far_link);
  REQUIRE(send_one(far.lane(), {near_local, from_far, 0, octets, 100}).sent == 3);
  const auto asked = collect(*near.control, 3);
  REQUIRE(!asked.empty());
  CHECK(asked[0].from.address == from_far.address);
  CHECK(asked[0].from.scope_id == near_link);
  CHECK(asked[0].local == Source{v6({0xfe80, 0, 0, 0, 0, 0, 0, 1}), near_link});
  const SendOutcome outcome = send_one(near.lane(), {asked[0].from, asked[0].local, 0, octets, 100});
  CHECK(outcome.sent == 3);
  CHECK_FALSE(outcome.source_rejected);
  const auto answered = collect(*far.control, 3);
  REQUIRE(!answered.empty());
  CHECK(answered[0].from.address == near_local.address);
}

TEST_CASE("no route, a link that is down, and a firewall: told, and over as soon as they are gone") {
  const TwoHosts hosts;
  if (!hosts.usable()) return;
  for (const Family family : kFamilies) {
    const std::string ip = family == Family::v4 ? "ip route " : "ip -6 route ";
    const std::string net = family == Family::v4 ? "10.77.0.0/24" : "fd77::/64";
    hosts.to_far();
    End to(family);
    hosts.to_near();
    End from(family);
    warm_up(from, to, family);
    const Datagram octets = numbered(300, 5);
    const OutTrain train{to.by(far_address(family)), Source{near_address(family), 0}, 0, octets, 100};
    const auto arrives = [&] {
      const SendOutcome outcome = send_one(from.lane(), train);
      return outcome.sent == 3 && !outcome.source_rejected && split(collect(*to.control, 3)) == cut(octets, 100);
    };
    CHECK(arrives());

    REQUIRE(TwoHosts::run(ip + "del " + net + " dev near"));
    SendOutcome outcome = send_one(from.lane(), train);
    CHECK(outcome.failed == 3);
    CHECK(outcome.error == ENETUNREACH);
    CHECK(outcome.source_rejected);
    REQUIRE(TwoHosts::run(ip + "add " + net + " dev near"));
    CHECK(arrives());

    REQUIRE(TwoHosts::run(ip + "add blackhole " + net + " metric 1 && " + ip + "del " + net + " dev near"));
    outcome = send_one(from.lane(), train);
    CHECK(outcome.failed == 3);
    CHECK(outcome.gso_disabled_by == 0);
    REQUIRE(TwoHosts::run(ip + "add " + net + " dev near && " + ip + "del blackhole " + net + " metric 1"));
    CHECK(arrives());

    if (TwoHosts::run("nft 'add table inet t; add chain inet t o { type filter hook output priority 0; }; "
                      "add rule inet t o meta l4proto udp drop'")) {
      outcome = send_one(from.lane(), train);
      CHECK(outcome.failed == 3);
      CHECK(outcome.error == EPERM);
      CHECK(send_drop(outcome.error) == Drop::blocked_by_firewall);
      REQUIRE(TwoHosts::run("nft delete table inet t"));
      CHECK(arrives());
    } else {
      MESSAGE("no nft: the firewall's part is left out");
    }
    CHECK(from.lane().counters().gso_fallbacks == 0);
  }
  REQUIRE(TwoHosts::run("ip link set near down"));
  End from(Family::v4);
  const Datagram octets = numbered(300, 5);
  const SendOutcome outcome = send_one(from.lane(), {{far_address(Family::v4), 9, 0}, std::nullopt, 0, octets, 100});
  CHECK(outcome.failed == 3);
  CHECK(send_drop(outcome.error) == Drop::outside_unreachable);
}

TEST_CASE("a host whose IPv6 is switched off opens, and works over IPv4") {
  const TwoHosts hosts;
  if (!hosts.usable()) return;
  REQUIRE(TwoHosts::run("echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6"));
  auto outside = open_outside({});
  REQUIRE(outside);
  REQUIRE(outside->v4);
  auto socket = make_udp_socket(std::move(outside->v4->lanes[0]), Family::v4, outside->v4->offloads);
  auto control = make_udp_socket(std::move(outside->v4->control), Family::v4, outside->v4->offloads);
  const Datagram octets = numbered(100, 1);
  CHECK(send_one(*socket, {{loopback(Family::v4), outside->port, 0}, std::nullopt, 0, octets, 100}).sent == 1);
  CHECK(collect(*control, 1).size() == 1);
}
