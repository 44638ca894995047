// SPDX-License-Identifier: MIT
#include "data_path.hpp"

#include <ip_packets.hpp>

#include <doctest/doctest.h>

using namespace culvert;
using namespace culvert::test;
using namespace std::chrono_literals;

namespace {

constexpr Instant kStart{1000s};
constexpr std::uint64_t kLimit = 18446744073709543423ULL;   // 2^64 - 2^13 - 1 [W 6.1]
constexpr std::uint64_t kRekeyAt = 1152921504606846976ULL;  // 2^60 [W 6.1]
const Endpoint kOutside = endpoint("192.0.2.1:51820");

SessionRef session(PeerId peer, std::uint32_t index, Role role = Role::initiator, Instant born = kStart) {
  const Octets<32> any{1};
  return std::make_shared<Session>(peer, role, born, index, 1000 + index,
                                   SessionKeys{Secret<32>(any), Secret<32>(any)});
}

/// One lane, told what control would tell it.
struct Lane {
  DataPath path;
  Reports reports;

  explicit Lane(std::size_t mtu = 1420, std::size_t lane = 0, std::size_t lanes = 1) : path(lane, lanes, mtu) {}

  DataPath::Todo tell(Change change) { return path.apply(std::move(change)); }

  DataPath::Peer& add(PeerId id, std::initializer_list<std::string_view> prefixes, bool reachable = true) {
    tell(change::PeerAdded{id, std::make_shared<PeerTraffic>(4)});
    if (reachable) tell(change::EndpointMoved{id, kOutside, std::nullopt});
    for (const std::string_view p : prefixes) tell(change::AllowedIpAdded{prefix(p), id});
    return peer(id);
  }
  DataPath::Peer& peer(PeerId id) {
    REQUIRE(path.find(id) != nullptr);
    return *path.find(id);
  }
  DataPath::Todo replace(PeerId id, Sessions sessions,
                         change::SessionsReplaced::Then then = change::SessionsReplaced::Then::nothing) {
    return tell(change::SessionsReplaced{id, std::move(sessions), then});
  }
  /// The reports since the last call.
  Reports taken() { return std::exchange(reports, {}); }
  void hear(Session& s, Instant now, Carries carries = Carries::data, Endpoint from = kOutside,
            std::optional<Source> local = std::nullopt, std::uint64_t octets = 100) {
    path.heard(now, s, from, local, carries, octets, reports);
  }
};

template <class R>
std::size_t count(const Reports& reports) {
  return static_cast<std::size_t>(
      std::ranges::count_if(reports, [](const Report& r) { return std::holds_alternative<R>(r); }));
}
std::size_t wanted(const Reports& reports) { return count<report::SessionWanted>(reports); }

constexpr PeerId kA{0, 1};
constexpr PeerId kB{1, 2};

}  // namespace

// Outwards

TEST_CASE("a packet goes to the peer with the longest prefix around its destination") {
  Lane lane;
  lane.add(kA, {"10.0.0.0/8", "2001:db8::/32"});
  lane.add(kB, {"10.1.0.0/16", "2001:db8:1::/48"});
  const auto owner = [&](std::string_view source, std::string_view to) {
    const auto peer = lane.path.route(udp_packet({.source = source, .destination = to}));
    REQUIRE(peer);
    return (*peer)->id;
  };
  CHECK(owner("10.9.9.9", "10.0.0.1") == kA);
  CHECK(owner("10.9.9.9", "10.1.0.1") == kB);
  CHECK(owner("fd00::1", "2001:db8::1") == kA);
  CHECK(owner("fd00::1", "2001:db8:1::1") == kB);
  const auto refused = [&](const char* source, const char* to) {
    return lane.path.route(udp_packet({.source = source, .destination = to})).error();
  };
  CHECK(refused("10.0.0.1", "11.0.0.1") == Drop::no_peer_for_destination);
  CHECK(refused("10.0.0.1", "223.255.255.255") == Drop::no_peer_for_destination);
  CHECK(refused("10.0.0.1", "224.0.0.251") == Drop::no_peer_for_multicast);
  CHECK(refused("10.0.0.1", "239.255.255.255") == Drop::no_peer_for_multicast);
  CHECK(refused("10.0.0.1", "240.0.0.0") == Drop::no_peer_for_destination);
  CHECK(refused("fd00::1", "fe80::1") == Drop::no_peer_for_destination);
  CHECK(refused("fd00::1", "ff02::16") == Drop::no_peer_for_multicast);
}

TEST_CASE("multicast goes to the peer that was given its group") {
  Lane lane;
  lane.add(kA, {"224.0.0.0/4", "ff00::/8"});
  CHECK(lane.path.route(udp_packet({.source = "10.0.0.1", .destination = "224.0.0.251"})));
  CHECK(lane.path.route(udp_packet({.source = "fd00::1", .destination = "ff02::fb"})));
}

TEST_CASE("what is no whole IP packet goes nowhere") {
  Lane lane;
  lane.add(kA, {"0.0.0.0/0", "::/0"});
  const auto refused = [&](std::vector<std::uint8_t> packet) {
    const auto peer = lane.path.route(packet);
    return !peer && peer.error() == Drop::not_ip;
  };
  const std::vector<std::uint8_t> v4 = udp_packet({.source = "10.0.0.1", .destination = "10.0.0.2"});
  const std::vector<std::uint8_t> v6 = udp_packet({.source = "fd00::1", .destination = "fd00::2"});
  CHECK(lane.path.route(v4));
  CHECK(lane.path.route(v6));
  CHECK(refused({}));
  for (const auto& whole : {v4, v6})
    for (std::size_t size = 0; size < whole.size(); ++size)
      CHECK(refused({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}));
  for (unsigned version = 0; version < 16; ++version) {
    if (version == 4 || version == 6) continue;
    auto changed = v4;
    changed[0] = static_cast<std::uint8_t>(version << 4 | 5);
    CHECK(refused(changed));
  }
  auto short_header = v4;
  short_header[0] = 0x44;
  CHECK(refused(short_header));
}

TEST_CASE("a peer without an endpoint cannot be reached yet") {
  Lane lane;
  lane.add(kA, {"10.0.0.0/8"}, false);
  const auto packet = udp_packet({.source = "10.0.0.1", .destination = "10.0.0.2"});
  const auto peer = lane.path.route(packet);
  REQUIRE_FALSE(peer);
  CHECK(peer.error() == Drop::no_endpoint);
  lane.tell(change::EndpointMoved{kA, kOutside, std::nullopt});
  CHECK(lane.path.route(packet));
  CHECK(lane.peer(kA).endpoint == kOutside);
}

TEST_CASE("for a peer that is barred nothing waits, and packets are refused for the reason that control gave") {
  Lane lane;
  lane.add(kA, {"10.0.0.0/8"});
  const auto packet = udp_packet({.source = "10.0.0.1", .destination = "10.0.0.2"});
  lane.path.stage(lane.peer(kA), packet);
  CHECK(lane.path.packets().waiting == 1);
  lane.tell(change::PeerBarred{kA, Drop::peer_disabled});
  CHECK(lane.path.packets().waiting == 0);
  CHECK(lane.path.drops().of(Way::out, Drop::peer_disabled) == 1);
  const auto peer = lane.path.route(packet);
  REQUIRE_FALSE(peer);
  CHECK(peer.error() == Drop::peer_disabled);
  lane.tell(change::PeerBarred{kA, std::nullopt});
  CHECK(lane.path.route(packet));
}

TEST_CASE("our own datagram to a peer does not go through the tunnel to that peer") {
  Lane lane;
  lane.add(kA, {"192.0.2.0/24", "2001:db8::/32"});
  lane.tell(change::PortSet{7777});
  UdpPacket own{.source = "198.51.100.1", .destination = "192.0.2.1", .from_port = 7777, .to_port = 51820};
  const auto looped = lane.path.route(udp_packet(own));
  REQUIRE_FALSE(looped);
  CHECK(looped.error() == Drop::routing_loop);

  UdpPacket other = own;
  other.from_port = 7778;
  CHECK(lane.path.route(udp_packet(other)));
  other = own;
  other.to_port = 51821;
  CHECK(lane.path.route(udp_packet(other)));
  other = own;
  other.destination = "192.0.2.2";
  CHECK(lane.path.route(udp_packet(other)));
  auto tcp = udp_packet(own);
  tcp[9] = 6;
  CHECK(lane.path.route(tcp));

  lane.tell(change::EndpointMoved{kA, endpoint("[2001:db8::1]:51820"), std::nullopt});
  CHECK(lane.path.route(udp_packet(own)));
  own.source = "fd00::1";
  own.destination = "2001:db8::1";
  const auto looped6 = lane.path.route(udp_packet(own));
  REQUIRE_FALSE(looped6);
  CHECK(looped6.error() == Drop::routing_loop);
}

TEST_CASE("padding is up to a multiple of 16, but never beyond the MTU") {
  Lane lane(1420);
  CHECK(lane.path.padded(0) == 0);
  CHECK(lane.path.padded(1) == 16);
  CHECK(lane.path.padded(16) == 16);
  CHECK(lane.path.padded(17) == 32);
  CHECK(lane.path.padded(1408) == 1408);
  for (std::size_t size = 1409; size <= 1420; ++size) CHECK(lane.path.padded(size) == 1420);
  CHECK(lane.path.padded(1421) == 1421);
  CHECK(lane.path.padded(9000) == 9000);
  for (const std::size_t mtu : {1280u, 1420u, 1421u, 1500u, 65535u}) {
    lane.tell(change::MtuSet{mtu});
    CHECK(lane.path.mtu() == mtu);
    for (std::size_t size = 1; size <= mtu; ++size) {
      const std::size_t padded = lane.path.padded(size);
      const bool right = padded >= size && padded <= mtu && padded - size < 16 && (padded % 16 == 0 || padded == mtu);
      if (!right) CAPTURE(size);
      REQUIRE(right);
    }
  }
}

TEST_CASE("without a session nothing is sealed; one is asked for, and again after a quarter of a second") {
  Lane lane;
  DataPath::Peer& peer = lane.add(kA, {});
  CHECK_FALSE(lane.path.begin_seal(kStart, peer, 1, lane.reports));
  const Reports first = lane.taken();
  REQUIRE(first.size() == 1);
  CHECK(std::get<report::SessionWanted>(first[0]).peer == kA);
  CHECK_FALSE(lane.path.begin_seal(kStart + 250ms - 1ns, peer, 1, lane.reports));
  CHECK(lane.taken().empty());
  CHECK_FALSE(lane.path.begin_seal(kStart + 250ms, peer, 1, lane.reports));
  CHECK(wanted(lane.taken()) == 1);
  lane.replace(kA, {});  // what was asked for may have come and gone
  CHECK_FALSE(lane.path.begin_seal(kStart + 251ms, peer, 1, lane.reports));
  CHECK(wanted(lane.taken()) == 1);
}

TEST_CASE("only the current session seals, and each counter is given once") {
  Lane lane;
  DataPath::Peer& peer = lane.add(kA, {});
  lane.replace(kA, {session(kA, 1), nullptr, session(kA, 3)});
  CHECK_FALSE(lane.path.begin_seal(kStart, peer, 1, lane.reports));
  CHECK(wanted(lane.taken()) == 1);

  const SessionRef current = session(kA, 2);
  lane.replace(kA, {session(kA, 1), current, session(kA, 3)});
  std::uint64_t expected = 0;
  for (const std::uint64_t n : {1u, 1u, 64u, 3u}) {
    const auto job = lane.path.begin_seal(kStart, peer, n, lane.reports);
    REQUIRE(job);
    CHECK(job->session == current.get());
    CHECK(job->first == expected);
    expected += n;
  }
  CHECK(lane.taken().empty());
}

TEST_CASE("exactly the last legal counter is used; then a session is asked for, and the counter never wraps") {
  Lane lane;
  DataPath::Peer& peer = lane.add(kA, {});
  const SessionRef current = session(kA, 2, Role::responder);
  lane.replace(kA, {nullptr, current, nullptr});
  current->send_counter = kLimit - 1;
  const auto last = lane.path.begin_seal(kStart, peer, 1, lane.reports);
  REQUIRE(last);
  CHECK(last->first == kLimit - 1);
  CHECK(wanted(lane.taken()) == 1);
  Instant now = kStart;
  for (int i = 0; i < 10'000; ++i) {
    now += 1ms;
    REQUIRE_FALSE(lane.path.begin_seal(now, peer, 64, lane.reports));
    REQUIRE(current->send_counter >= kLimit);
  }
  CHECK(wanted(lane.taken()) == 40);  // every 250 ms
}

TEST_CASE("a train that does not fit below the limit is refused as a whole, and its counters are spent") {
  for (const std::uint64_t start : {kLimit - 63, kLimit - 1, kLimit, kLimit + 1, ~std::uint64_t{0} - 64}) {
    CAPTURE(start);
    Lane lane;
    DataPath::Peer& peer = lane.add(kA, {});
    const SessionRef current = session(kA, 2);
    lane.replace(kA, {nullptr, current, nullptr});
    current->send_counter = start;
    CHECK_FALSE(lane.path.begin_seal(kStart, peer, 64, lane.reports));
    CHECK(wanted(lane.taken()) == 1);
    CHECK_FALSE(lane.path.begin_seal(kStart, peer, 1, lane.reports));
  }
  Lane lane;
  DataPath::Peer& peer = lane.add(kA, {});
  const SessionRef current = session(kA, 2);
  lane.replace(kA, {nullptr, current, nullptr});
  current->send_counter = kLimit - 64;
  CHECK(lane.path.begin_seal(kStart, peer, 64, lane.reports));
}

TEST_CASE("after 2^60 packets either side asks for a new session") {
  for (const Role role : {Role::initiator, Role::responder}) {
    Lane lane;
    DataPath::Peer& peer = lane.add(kA, {});
    const SessionRef current = session(kA, 2, role);
    lane.replace(kA, {nullptr, current, nullptr});
    current->send_counter = kRekeyAt - 1;
    CHECK(lane.path.begin_seal(kStart, peer, 1, lane.reports));
    CHECK(lane.taken().empty());
    CHECK(lane.path.begin_seal(kStart, peer, 1, lane.reports));
    CHECK(wanted(lane.taken()) == 1);
  }
}

TEST_CASE("on send, the initiator renews a session that is 120 s old; the responder does not") {
  for (const Role role : {Role::initiator, Role::responder}) {
    Lane lane;
    DataPath::Peer& peer = lane.add(kA, {});
    lane.replace(kA, {nullptr, session(kA, 2, role), nullptr});
    CHECK(lane.path.begin_seal(kStart + 120s - 1ns, peer, 1, lane.reports));
    CHECK(lane.taken().empty());
    CHECK(lane.path.begin_seal(kStart + 120s, peer, 1, lane.reports));
    CHECK(wanted(lane.taken()) == (role == Role::initiator ? 1u : 0u));
    CHECK(lane.path.begin_seal(kStart + 180s - 1ns, peer, 1, lane.reports));
    CHECK(wanted(lane.taken()) == (role == Role::initiator ? 1u : 0u));
  }
}

TEST_CASE("a session seals nothing from 180 s on, and a new one is asked for by either side") {
  for (const Role role : {Role::initiator, Role::responder}) {
    Lane lane;
    DataPath::Peer& peer = lane.add(kA, {});
    lane.replace(kA, {nullptr, session(kA, 2, role), nullptr});
    CHECK_FALSE(lane.path.begin_seal(kStart + 180s, peer, 1, lane.reports));
    CHECK(wanted(lane.taken()) == 1);
  }
}

TEST_CASE("sending is noted: octets, instants, and once a report for control to watch") {
  Lane lane(1420, 1, 2);
  DataPath::Peer& peer = lane.add(kA, {});
  PeerTraffic& traffic = *peer.traffic;
  traffic.unanswered_since.store(kStart);
  lane.path.sent(kStart + 1s, peer, Carries::nothing, 32, lane.reports);
  CHECK(traffic.unheard_since.load() == std::nullopt);
  CHECK(traffic.unanswered_since.load() == std::nullopt);
  CHECK(traffic.last_passage.load() == kStart + 1s);
  CHECK(lane.taken().empty());
  lane.path.sent(kStart + 2s, peer, Carries::data, 1000, lane.reports);
  lane.path.sent(kStart + 3s, peer, Carries::data, 1000, lane.reports);
  CHECK(traffic.unheard_since.load() == kStart + 2s);  // the first one
  CHECK(traffic.last_passage.load() == kStart + 3s);
  CHECK(traffic.octets_sent() == 2032);
  CHECK(traffic.octets(1).sent == 2032);
  const Reports reports = lane.taken();
  REQUIRE(reports.size() == 1);
  CHECK(std::get<report::Active>(reports[0]).peer == kA);
  traffic.watched = false;
  lane.path.sent(kStart + 4s, peer, Carries::data, 1, lane.reports);
  CHECK(count<report::Active>(lane.taken()) == 1);
}

// Inwards

TEST_CASE("all three sessions open, for 180 s to the nanosecond, and no other index does") {
  Lane lane;
  lane.add(kA, {});
  const Sessions all{session(kA, 1, Role::initiator, kStart), session(kA, 2, Role::initiator, kStart + 1s),
                     session(kA, 3, Role::responder, kStart + 2s)};
  lane.replace(kA, all);
  for (const SessionRef& s : {all.previous, all.current, all.next}) {
    const auto found = lane.path.begin_open(s->born + 180s - 1ns, s->local_index);
    REQUIRE(found);
    CHECK(*found == s.get());
    const auto expired = lane.path.begin_open(s->born + 180s, s->local_index);
    REQUIRE_FALSE(expired);
    CHECK(expired.error() == Drop::session_expired);
  }
  for (const std::uint32_t index : {0u, 4u, 1001u, 1002u, 0xffffffffu}) {
    const auto unknown = lane.path.begin_open(kStart, index);
    REQUIRE_FALSE(unknown);
    CHECK(unknown.error() == Drop::unknown_index);
  }
}

TEST_CASE("sessions that were replaced, wiped or whose peer went do not open any more") {
  Lane lane;
  lane.add(kA, {});
  const SessionRef first = session(kA, 1);
  const SessionRef second = session(kA, 2);
  lane.replace(kA, {nullptr, first, nullptr});
  lane.replace(kA, {first, second, nullptr});
  CHECK(lane.path.begin_open(kStart, 1));
  CHECK(lane.path.begin_open(kStart, 2));
  lane.replace(kA, {second, session(kA, 3), nullptr});
  CHECK_FALSE(lane.path.begin_open(kStart, 1));
  lane.replace(kA, {});
  CHECK_FALSE(lane.path.begin_open(kStart, 2));
  CHECK_FALSE(lane.path.begin_open(kStart, 3));
  lane.replace(kA, {nullptr, first, nullptr});
  CHECK(lane.path.begin_open(kStart, 1));
  lane.tell(change::PeerRemoved{kA});
  CHECK_FALSE(lane.path.begin_open(kStart, 1));
  CHECK(first.use_count() == 1);
}

TEST_CASE("a lane opens only the sessions that its number is in the index of") {
  for (std::size_t number = 0; number < 4; ++number) {
    Lane lane(1420, number, 4);
    lane.add(kA, {});
    lane.replace(kA, {session(kA, 0x10 + 1), session(kA, 0x20 + 2), session(kA, 0x30 + 3)});
    CHECK(lane.path.begin_open(kStart, 0x11).has_value() == (number == 1));
    CHECK(lane.path.begin_open(kStart, 0x22).has_value() == (number == 2));
    CHECK(lane.path.begin_open(kStart, 0x33).has_value() == (number == 3));
  }
}

TEST_CASE("a counter is committed once, and none from the limit on") {
  Lane lane;
  lane.add(kA, {});
  const SessionRef s = session(kA, 1);
  CHECK(lane.path.commit(*s, 0));
  const auto again = lane.path.commit(*s, 0);
  REQUIRE_FALSE(again);
  CHECK(again.error() == Drop::replayed);
  for (const std::uint64_t counter : {kLimit, kLimit + 1, ~std::uint64_t{0}}) {
    const auto beyond = lane.path.commit(*s, counter);
    REQUIRE_FALSE(beyond);
    CHECK(beyond.error() == Drop::counter_limit);
  }
  CHECK(lane.path.commit(*s, 1));  // the refused ones did not move the window
  CHECK(lane.path.commit(*s, kLimit - 1));
  const auto behind = lane.path.commit(*s, 2);
  REQUIRE_FALSE(behind);
  CHECK(behind.error() == Drop::replayed);
}

TEST_CASE("hearing is noted: octets, instants, and once a report for control to watch") {
  Lane lane(1420, 1, 2);
  DataPath::Peer& peer = lane.add(kA, {});
  const SessionRef s = session(kA, 3);
  lane.replace(kA, {nullptr, s, nullptr});
  PeerTraffic& traffic = *peer.traffic;
  traffic.unheard_since.store(kStart);
  lane.hear(*s, kStart + 1s, Carries::nothing);
  CHECK(traffic.unheard_since.load() == std::nullopt);
  CHECK(traffic.unanswered_since.load() == std::nullopt);  // a keepalive is not answered
  CHECK(traffic.last_passage.load() == kStart + 1s);
  CHECK(lane.taken().empty());
  lane.hear(*s, kStart + 2s);
  lane.hear(*s, kStart + 3s);
  CHECK(traffic.unanswered_since.load() == kStart + 2s);
  CHECK(traffic.octets_received() == 300);
  CHECK(traffic.octets(1).received == 300);
  CHECK(count<report::Active>(lane.taken()) == 1);
}

TEST_CASE("a peer that is heard from elsewhere has moved, at once and with one report") {
  Lane lane;
  Instant now = kStart;
  DataPath::Peer& peer = lane.add(kA, {});
  const SessionRef s = session(kA, 1);
  lane.replace(kA, {nullptr, s, nullptr});
  lane.hear(*s, kStart);
  CHECK(count<report::Roamed>(lane.taken()) == 0);

  const Source local{address("198.51.100.1"), 3};
  std::optional<Source> source;
  Endpoint from = kOutside;
  const auto move = [&] {
    now += 250ms;
    lane.hear(*s, now, Carries::nothing, from, source);
    const Reports reports = lane.taken();
    REQUIRE(count<report::Roamed>(reports) == 1);
    const auto& roamed = std::get<report::Roamed>(reports[0]);
    CHECK(roamed.peer == kA);
    CHECK(roamed.endpoint == from);
    CHECK(roamed.source == source);
    CHECK(peer.endpoint == from);
    CHECK(peer.source == source);
    lane.hear(*s, now, Carries::nothing, from, source);
    CHECK(lane.taken().empty());
  };
  from.port = 4;
  move();
  from.address = address("192.0.2.77");
  move();
  from = endpoint("[fe80::1%3]:4");
  move();
  from.scope_id = 4;
  move();
  source = local;
  move();
  source->interface_index = 4;
  move();
  source.reset();
  move();
}

TEST_CASE("a peer that moves with every packet is followed at once, and told of four times a second") {
  Lane lane;
  DataPath::Peer& peer = lane.add(kA, {});
  const SessionRef s = session(kA, 1);
  lane.replace(kA, {nullptr, s, nullptr});
  std::optional<Instant> told_at;
  std::size_t told = 0;
  std::optional<Endpoint> known = kOutside;
  Endpoint from = kOutside;
  const auto take = [&](Instant now) {
    lane.path.tell_moves(now, lane.reports);
    for (const Report& report : lane.taken()) {
      const auto* roamed = std::get_if<report::Roamed>(&report);
      REQUIRE(roamed != nullptr);
      if (told_at) REQUIRE(now - *told_at >= 250ms);
      told_at = now;
      known = roamed->endpoint;
      ++told;
    }
  };
  Instant now = kStart;
  for (; now < kStart + 10s; now += 1ms) {
    from.port = static_cast<std::uint16_t>(from.port ^ 1);
    lane.hear(*s, now, Carries::nothing, from);
    REQUIRE(peer.endpoint == from);
    take(now);
  }
  CHECK(told > 20);
  CHECK(told <= 41);

  // And then it falls silent: what control does not know yet it hears, once, and there is nothing more to look for.
  for (const std::uint16_t port : {std::uint16_t{9}, std::uint16_t{11}}) {
    from.port = port;
    lane.hear(*s, now, Carries::nothing, from);
  }
  CHECK(lane.path.has_untold_moves());
  for (const Instant end = now + 500ms; now <= end; now += 1ms) take(now);
  CHECK(known == from);
  CHECK_FALSE(lane.path.has_untold_moves());
  told = 0;
  for (const Instant end = now + 2s; now <= end; now += 1ms) take(now);
  CHECK(told == 0);
}

TEST_CASE("what control says of an endpoint does not undo a move that it has not heard of, unless it knows more") {
  Lane lane;
  DataPath::Peer& peer = lane.add(kA, {});
  const SessionRef s = session(kA, 1);
  lane.replace(kA, {nullptr, s, nullptr});
  const Source local{address("198.51.100.1"), 3};
  const Endpoint first = endpoint("192.0.2.7:7"), second = endpoint("192.0.2.8:8"), third = endpoint("192.0.2.9:9");
  lane.hear(*s, kStart, Carries::nothing, first, local);
  lane.hear(*s, kStart + 1ms, Carries::nothing, second, local);
  CHECK(count<report::Roamed>(lane.taken()) == 1);

  lane.tell(change::EndpointMoved{kA, first, local});  // the answer to the report
  CHECK(peer.endpoint == second);
  CHECK(peer.source == local);
  lane.tell(change::EndpointMoved{kA, first, std::nullopt});  // the source is of no use any more
  CHECK(peer.endpoint == second);
  CHECK_FALSE(peer.source);

  lane.path.tell_moves(kStart + 250ms, lane.reports);
  const Reports reports = lane.taken();
  REQUIRE(count<report::Roamed>(reports) == 1);
  CHECK(std::get<report::Roamed>(reports[0]).endpoint == second);
  lane.tell(change::EndpointMoved{kA, third, local});
  CHECK(peer.endpoint == third);
  CHECK(peer.source == local);
}

TEST_CASE("an endpoint that is set stands against a move that control has not heard of") {
  Lane lane;
  DataPath::Peer& peer = lane.add(kA, {});
  const SessionRef s = session(kA, 1);
  lane.replace(kA, {nullptr, s, nullptr});
  lane.hear(*s, kStart, Carries::nothing, endpoint("192.0.2.7:7"));
  lane.hear(*s, kStart + 1ms, Carries::nothing, endpoint("192.0.2.8:8"));
  const Endpoint ordered = endpoint("192.0.2.9:9");
  lane.tell(change::EndpointMoved{kA, ordered, std::nullopt, change::EndpointMoved::By::order});
  CHECK(peer.endpoint == ordered);
  (void)lane.taken();
  lane.path.tell_moves(kStart + 1s, lane.reports);
  CHECK(lane.taken().empty());
}

TEST_CASE("a peer that is removed with a move untold leaves nothing to tell") {
  Lane lane;
  lane.add(kA, {});
  const SessionRef s = session(kA, 1);
  lane.replace(kA, {nullptr, s, nullptr});
  for (const std::uint16_t port : {std::uint16_t{7}, std::uint16_t{8}})
    lane.hear(*s, kStart, Carries::nothing, Endpoint{kOutside.address, port, 0});
  CHECK(count<report::Roamed>(lane.taken()) == 1);
  lane.tell(change::PeerRemoved{kA});
  lane.add({kA.slot, kA.generation + 1}, {});
  lane.path.tell_moves(kStart + 1s, lane.reports);
  CHECK(lane.taken().empty());
  CHECK_FALSE(lane.path.has_untold_moves());
}

TEST_CASE("the first packet under next is reported, once, and no packet under another session") {
  Lane lane;
  lane.add(kA, {});
  const Sessions all{session(kA, 1), session(kA, 2), session(kA, 3, Role::responder)};
  lane.replace(kA, all);
  lane.hear(*all.previous, kStart);
  lane.hear(*all.current, kStart);
  CHECK(count<report::Confirmed>(lane.taken()) == 0);
  lane.hear(*all.next, kStart, Carries::nothing);
  lane.hear(*all.next, kStart);
  const Reports reports = lane.taken();
  REQUIRE(count<report::Confirmed>(reports) == 1);
  const auto& confirmed = std::get<report::Confirmed>(reports[0]);
  CHECK(confirmed.peer == kA);
  CHECK(confirmed.local_index == 3);
}

TEST_CASE("the answer to the first packet under next is sealed under it, on every lane, before control has said so") {
  Lane opens(1420, 0, 2), other(1420, 1, 2);
  // Even indices belong to lane 0.
  const Sessions all{session(kA, 2), session(kA, 4), session(kA, 6, Role::responder)};
  for (Lane* lane : {&opens, &other}) {
    lane->add(kA, {});
    lane->replace(kA, all);
    CHECK(lane->path.begin_seal(kStart, lane->peer(kA), 1, lane->reports)->session == all.current.get());
  }
  opens.hear(*all.next, kStart);
  for (Lane* lane : {&opens, &other}) {
    CHECK(lane->path.begin_seal(kStart, lane->peer(kA), 1, lane->reports)->session == all.next.get());
    CHECK(lane->peer(kA).sessions.previous == all.current);
  }
  // What went can no longer be opened; what stays can.
  CHECK(opens.path.begin_open(kStart, 2).error() == Drop::unknown_index);
  CHECK(*opens.path.begin_open(kStart, 4) == all.current.get());
  CHECK(*opens.path.begin_open(kStart, 6) == all.next.get());
}

TEST_CASE("on receive, the initiator renews a session that is 165 s old, once; the responder does not") {
  for (const Role role : {Role::initiator, Role::responder}) {
    Lane lane;
    lane.add(kA, {});
    const SessionRef s = session(kA, 1, role);
    lane.replace(kA, {nullptr, s, nullptr});
    lane.hear(*s, kStart + 165s - 1ns);
    CHECK(wanted(lane.taken()) == 0);
    lane.hear(*s, kStart + 165s, Carries::nothing);
    lane.hear(*s, kStart + 166s);
    lane.hear(*s, kStart + 179s);
    CHECK(wanted(lane.taken()) == (role == Role::initiator ? 1u : 0u));
    const SessionRef younger = session(kA, 2, role, kStart + 170s);
    lane.replace(kA, {s, younger, nullptr});
    lane.hear(*younger, kStart + 335s);
    CHECK(wanted(lane.taken()) == (role == Role::initiator ? 1u : 0u));
  }
}

TEST_CASE("a late packet under the previous session renews nothing: the current one is young") {
  Lane lane;
  lane.add(kA, {});
  const SessionRef previous = session(kA, 1);
  lane.replace(kA, {previous, session(kA, 2, Role::initiator, kStart + 120s), nullptr});
  lane.hear(*previous, kStart + 170s);
  CHECK(wanted(lane.taken()) == 0);
}

TEST_CASE("an opened packet is cut to the length in its header") {
  Lane lane;
  lane.add(kA, {"10.0.0.0/8", "fd00::/8"});
  const SessionRef s = session(kA, 1);
  for (auto packet : {udp_packet({.source = "10.0.0.1", .destination = "1.2.3.4", .octets = 61}),
                      udp_packet({.source = "fd00::1", .destination = "::1", .octets = 61})}) {
    const std::vector<std::uint8_t> whole = packet;
    packet.resize(64);
    const auto admitted = lane.path.admit(*s, wire::Ecn::not_ect, packet);
    REQUIRE(admitted);
    CHECK(std::vector(admitted->begin(), admitted->end()) == whole);
  }
}

TEST_CASE("an opened packet that is no whole IP packet is refused") {
  Lane lane;
  lane.add(kA, {"0.0.0.0/0", "::/0"});
  const SessionRef s = session(kA, 1);
  const auto refused = [&](std::vector<std::uint8_t> packet) {
    const auto admitted = lane.path.admit(*s, wire::Ecn::not_ect, packet);
    return !admitted && admitted.error() == Drop::inner_malformed;
  };
  for (const auto& whole : {udp_packet({.source = "10.0.0.1", .destination = "10.0.0.2"}),
                            udp_packet({.source = "fd00::1", .destination = "fd00::2"})}) {
    for (std::size_t size = 1; size < whole.size(); ++size)
      CHECK(refused({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}));
    for (unsigned version = 0; version < 16; ++version) {
      if (version == unsigned{whole[0]} >> 4) continue;
      auto changed = whole;
      changed[0] = static_cast<std::uint8_t>((version << 4) | (whole[0] & 0xf));
      if (version == 4 || version == 6) continue;
      CHECK(refused(changed));
    }
  }
  auto long_v4 = udp_packet({.source = "10.0.0.1", .destination = "10.0.0.2", .octets = 64});
  long_v4[3] = 65;
  CHECK(refused(long_v4));
  long_v4[3] = 19;  // less than its header
  CHECK(refused(long_v4));
  auto long_v6 = udp_packet({.source = "fd00::1", .destination = "fd00::2", .octets = 64});
  long_v6[5] = 25;
  CHECK(refused(long_v6));
}

TEST_CASE("a source counts for the peer with the longest prefix around it, and for no other") {
  Lane lane;
  lane.add(kA, {"10.0.0.0/8", "0.0.0.0/0", "fd00::/8"});
  lane.add(kB, {"10.1.0.0/16", "10.1.2.3/32", "fd00:1::/32"});
  const SessionRef a = session(kA, 1);
  const SessionRef b = session(kB, 2);
  const auto owner = [&](std::string_view source) {
    const std::string_view to = source.find(':') == source.npos ? "1.2.3.4" : "::1";
    std::optional<PeerId> result;
    for (const SessionRef& s : {a, b}) {
      auto packet = udp_packet({.source = source, .destination = to});
      const auto admitted = lane.path.admit(*s, wire::Ecn::not_ect, packet);
      if (admitted) {
        CHECK_FALSE(result);
        result = s->peer;
      } else {
        CHECK(admitted.error() == Drop::source_not_allowed);
      }
    }
    return result;
  };
  CHECK(owner("10.0.0.1") == kA);
  CHECK(owner("10.1.0.1") == kB);  // inside a prefix of A, but B's is longer
  CHECK(owner("10.1.2.3") == kB);
  CHECK(owner("11.0.0.1") == kA);
  CHECK(owner("fd00:2::1") == kA);
  CHECK(owner("fd00:1::1") == kB);
  CHECK(owner("fe80::1") == std::nullopt);
  lane.tell(change::AllowedIpAdded{prefix("10.1.0.0/16"), kA});  // moves
  CHECK(owner("10.1.0.1") == kA);
  CHECK(owner("10.1.2.3") == kB);
  lane.tell(change::AllowedIpRemoved{prefix("10.1.2.3/32"), kB});
  CHECK(owner("10.1.2.3") == kA);
  lane.tell(change::AllowedIpRemoved{prefix("10.0.0.0/8"), kB});  // not B's
  CHECK(owner("10.0.0.1") == kA);
}

TEST_CASE("congestion met outside is told inside, where the flow knows such marks") {
  Lane lane;
  lane.add(kA, {"10.0.0.0/8", "fd00::/8"});
  const SessionRef s = session(kA, 1);
  for (const auto& [source, to] : {std::pair{"10.0.0.1", "1.2.3.4"}, std::pair{"fd00::1", "::1"}}) {
    auto capable = udp_packet({.source = source, .destination = to, .tos = 0x2a});  // ECT(0)
    const auto marked = lane.path.admit(*s, wire::Ecn::ce, capable);
    REQUIRE(marked);
    CHECK(std::vector(marked->begin(), marked->end()) ==
          udp_packet({.source = source, .destination = to, .tos = 0x2b}));  // CE, DSCP kept, checksum mended

    auto incapable = udp_packet({.source = source, .destination = to, .tos = 0x28});
    const auto before = incapable;
    const auto dropped = lane.path.admit(*s, wire::Ecn::ce, incapable);
    REQUIRE_FALSE(dropped);
    CHECK(dropped.error() == Drop::ecn_mismatch);
    CHECK(incapable == before);
  }
}

// Staging

TEST_CASE("staged packets wait in order; beyond 128 the oldest goes and is counted") {
  Lane lane;
  DataPath::Peer& peer = lane.add(kA, {});
  for (std::uint8_t n = 0; n < 130; ++n) lane.path.stage(peer, Octets<2>{n, 1});
  CHECK(lane.path.drops().of(Drop::staging_full) == 2);
  CHECK(lane.path.packets().waiting == 128);
  const auto packets = lane.path.take_staged(peer);
  CHECK(lane.path.packets().waiting == 0);
  REQUIRE(packets.size() == 128);
  CHECK(packets.front()[0] == 2);
  CHECK(packets.back()[0] == 129);
  CHECK(lane.path.take_staged(peer).empty());
}

TEST_CASE("control says how many packets of a peer may wait") {
  Lane lane;
  DataPath::Peer& peer = lane.add(kA, {});
  lane.tell(change::StagedLimitSet{3});
  for (std::uint8_t n = 0; n < 10; ++n) lane.path.stage(peer, Octets<2>{n, 1});
  CHECK(lane.path.drops().of(Drop::staging_full) == 7);
  CHECK(lane.path.take_staged(peer).size() == 3);
}

TEST_CASE("a bound that comes down on packets that wait drops the oldest of them with the next, and the books say so") {
  Lane lane;
  DataPath::Peer& peer = lane.add(kA, {});
  for (std::uint8_t n = 0; n < 10; ++n) lane.path.stage(peer, Octets<2>{n, 1});
  lane.tell(change::StagedLimitSet{3});
  lane.path.stage(peer, Octets<2>{10, 1});
  CHECK(lane.path.drops().of(Drop::staging_full) == 8);
  CHECK(lane.path.packets().waiting == 3);  // also where a size has 32 bits
  CHECK(lane.path.take_staged(peer).size() == 3);
  CHECK(lane.path.packets().waiting == 0);
}

TEST_CASE("a lane holds 16 MiB of staged packets, all peers together; what is taken, given up or removed makes room") {
  constexpr std::size_t kRoom = 16 * 1024 * 1024;
  constexpr std::size_t kBig = 65536;
  Lane lane;
  const std::vector<std::uint8_t> big(kBig);
  for (std::uint32_t slot = 0; slot < 3; ++slot) lane.add({slot, slot}, {});
  const auto fill = [&] {
    std::size_t held = 0;
    for (std::uint32_t slot = 0; slot < 3; ++slot) {
      for (int n = 0; n < 128; ++n) {
        const std::uint64_t before = lane.path.drops().of(Drop::staging_full);
        lane.path.stage(lane.peer({slot, slot}), big);
        held += lane.path.drops().of(Drop::staging_full) == before ? 1u : 0u;
      }
    }
    return held;
  };
  CHECK(fill() == kRoom / kBig);
  const std::uint64_t full = lane.path.drops().of(Drop::staging_full);
  lane.path.stage(lane.peer({2, 2}), Octets<1>{});
  CHECK(lane.path.drops().of(Drop::staging_full) == full + 1);
  CHECK(lane.path.take_staged(lane.peer({0, 0})).size() == 128);
  lane.tell(change::StagedDropped{{1, 1}});
  CHECK(lane.path.drops().of(Drop::handshake_gave_up) == 128);
  lane.tell(change::PeerRemoved{{2, 2}});
  lane.add({2, 2}, {});
  CHECK(fill() == kRoom / kBig);
}

// What control says

TEST_CASE("what is left to do after a change of sessions, and after a wish for a keepalive") {
  using Then = change::SessionsReplaced::Then;
  using What = DataPath::Todo::What;
  Lane lane;
  lane.add(kA, {});
  CHECK(lane.replace(kA, {}, Then::nothing).what == What::nothing);
  const auto flush = lane.replace(kA, {nullptr, session(kA, 1), nullptr}, Then::flush);
  CHECK(flush.what == What::flush_staged);
  CHECK(flush.peer == lane.path.find(kA));
  CHECK(lane.replace(kA, {nullptr, session(kA, 1), nullptr}, Then::confirm).what == What::flush_or_keepalive);
  const auto keepalive = lane.tell(change::KeepaliveWanted{kA});
  CHECK(keepalive.what == What::send_keepalive);
  CHECK(keepalive.peer == lane.path.find(kA));
}

TEST_CASE("a change for a peer that has gone, or for an earlier owner of the slot, does nothing") {
  Lane lane;
  lane.add(kA, {"10.0.0.0/8"});
  const PeerId earlier{kA.slot, kA.generation - 1};
  for (const PeerId gone : {earlier, PeerId{7, 1}}) {
    CHECK(lane.tell(change::KeepaliveWanted{gone}).peer == nullptr);
    CHECK(lane.replace(gone, {nullptr, session(kA, 1), nullptr}, change::SessionsReplaced::Then::flush).peer ==
          nullptr);
    lane.tell(change::EndpointMoved{gone, endpoint("203.0.113.1:1"), std::nullopt});
    lane.tell(change::PeerBarred{gone, Drop::peer_disabled});
    lane.tell(change::StagedDropped{gone});
    lane.tell(change::PeerRemoved{gone});
    CHECK(lane.path.find(gone) == nullptr);
  }
  CHECK_FALSE(lane.path.begin_open(kStart, 1));
  CHECK(lane.peer(kA).endpoint == kOutside);
  CHECK(lane.path.route(udp_packet({.source = "10.0.0.1", .destination = "10.0.0.2"})));
}

TEST_CASE("a removed peer leaves nothing to the next owner of its slot") {
  Lane lane;
  DataPath::Peer& peer = lane.add(kA, {"10.0.0.0/8"});
  lane.replace(kA, {session(kA, 1), session(kA, 2), session(kA, 3)});
  lane.path.stage(peer, Octets<3>{});
  lane.tell(change::PeerRemoved{kA});
  CHECK(lane.path.find(kA) == nullptr);
  CHECK(lane.path.packets().waiting == 0);
  CHECK(lane.path.drops().of(Way::out, Drop::no_peer_for_destination) == 1);
  const auto nobody = lane.path.route(udp_packet({.source = "10.0.0.1", .destination = "10.0.0.2"}));
  REQUIRE_FALSE(nobody);
  CHECK(nobody.error() == Drop::no_peer_for_destination);

  const PeerId next{kA.slot, kA.generation + 1};
  DataPath::Peer& fresh = lane.add(next, {}, false);
  CHECK(fresh.sessions.empty());
  CHECK_FALSE(fresh.endpoint);
  CHECK(lane.path.take_staged(fresh).empty());
  CHECK(lane.path.find(kA) == nullptr);
}

TEST_CASE("dropped packets count in the lane and in their peer, and control hears of a reason four times a second") {
  DataPath path(0, 1, 1420);
  const auto traffic = std::make_shared<PeerTraffic>(1);
  (void)path.apply(change::PeerAdded{{0, 0}, traffic});
  (void)path.apply(change::AllowedIpAdded{*parse_prefix("10.0.0.2/32"), {0, 0}});
  Reports reports;
  Instant now{std::chrono::hours(1)};
  const auto packet = udp_packet({.source = "10.0.0.1", .destination = "10.0.0.2", .octets = 100});
  const auto nowhere = udp_packet({.source = "10.0.0.1", .destination = "10.7.7.7", .octets = 100});
  for (int i = 0; i < 1000; ++i) {
    path.drop_outward(now, Drop::no_endpoint, 2, packet, reports);
    path.drop_outward(now, Drop::no_peer_for_destination, 1, nowhere, reports);
    now += std::chrono::milliseconds(1);
  }
  CHECK(path.drops().of(Drop::no_endpoint) == 2000);
  CHECK(path.drops().of(Drop::no_peer_for_destination) == 1000);
  CHECK(traffic->drops.of(Drop::no_endpoint) == 2000);
  REQUIRE(reports.size() == 8);
  const auto& first = std::get<report::Dropped>(reports[0]);
  CHECK(first.peer == PeerId{0, 0});
  CHECK(first.address == parse_address("10.0.0.2"));
  const auto& second = std::get<report::Dropped>(reports[1]);
  CHECK(second.peer == std::nullopt);
  CHECK(second.address == parse_address("10.7.7.7"));
}
