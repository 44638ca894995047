// SPDX-License-Identifier: MIT
// The public interface from end to end: two tunnels, a network between them that the test holds in its hands, and a
// clock that it moves.
#include <culvert/tunnel.hpp>

#include <functional>
#include <ip_packets.hpp>
#include <seeded_entropy.hpp>
#include <test_clock.hpp>

#include <doctest/doctest.h>

using namespace culvert;
using namespace culvert::test;
using namespace std::chrono_literals;

namespace {

using Packet = std::vector<std::uint8_t>;

PrivateKey key(std::uint8_t fill) {
  Octets<32> octets;
  octets.fill(fill);
  return {Secret<32>(octets)};
}

enum class Kind : std::uint8_t { initiation = 1, response = 2, cookie = 3, data = 4, keepalive = 5 };
Kind kind(const OutsideDatagram& datagram) {
  const auto type = static_cast<Kind>(datagram.octets.at(0));
  return type == Kind::data && datagram.octets.size() == 32 ? Kind::keepalive : type;
}

struct Sent {
  Instant at;
  Kind kind;
  std::size_t octets;
  friend bool operator==(const Sent&, const Sent&) = default;
};

/// One end, and what it has said and got.
struct End {
  SeededEntropy entropy;
  Tunnel tunnel;
  Endpoint at;
  std::vector<Sent> sent;
  std::vector<Packet> inside;
  std::vector<Drop> drops;

  End(std::uint64_t seed, std::uint8_t fill, std::string_view where)
      : entropy(seed), tunnel(key(fill), entropy), at(endpoint(where)) {}

  [[nodiscard]] std::size_t count(Kind which) const {
    return static_cast<std::size_t>(std::ranges::count(sent, which, &Sent::kind));
  }
  void forget() {
    sent.clear();
    inside.clear();
    drops.clear();
  }
};

/// Two ends, and a network without delay that may lose what `lost` says.
struct Ends {
  TestClock clock;
  End a{1, 0x48, "192.0.2.1:1001"};
  End b{2, 0x50, "192.0.2.2:1002"};
  std::function<bool(const End& from, const OutsideDatagram&)> lost = [](const End&, const OutsideDatagram&) {
    return false;
  };

  Ends() {
    take(a, a.tunnel.add_peer(clock.now(), of_b()));
    take(b, b.tunnel.add_peer(clock.now(), of_a()));
  }

  [[nodiscard]] PeerSettings of_b() const {
    return {.public_key = b.tunnel.public_key(),
            .preshared_key = {},
            .endpoint = b.at,
            .allowed_ips = {prefix("10.0.0.2/32"), prefix("fd00::2/128")}};
  }
  [[nodiscard]] PeerSettings of_a() const {
    return {.public_key = a.tunnel.public_key(),
            .preshared_key = {},
            .endpoint = std::nullopt,
            .allowed_ips = {prefix("10.0.0.1/32"), prefix("fd00::1/128")}};
  }

  /// Notes what an end put out, and carries its datagrams to the other.
  void take(End& from, const Output& out) {
    from.inside.insert(from.inside.end(), out.inside.begin(), out.inside.end());
    from.drops.insert(from.drops.end(), out.drops.begin(), out.drops.end());
    End& to = &from == &a ? b : a;
    for (const OutsideDatagram& datagram : out.outside) {
      from.sent.push_back({clock.mono(), kind(datagram), datagram.octets.size()});
      if (datagram.to == to.at && !lost(from, datagram))
        take(to, to.tunnel.from_outside(clock.now(), datagram.octets, from.at, datagram.tos));
    }
  }

  void send(End& from, const Packet& packet) { take(from, from.tunnel.from_inside(clock.now(), packet)); }
  void send_to_b(std::size_t octets = 100, std::uint8_t tos = 0) {
    send(a, udp_packet({.source = "10.0.0.1", .destination = "10.0.0.2", .octets = octets, .tos = tos}));
  }
  void send_to_a(std::size_t octets = 100) {
    send(b, udp_packet({.source = "10.0.0.2", .destination = "10.0.0.1", .octets = octets}));
  }

  /// Runs both ends' timers until then, each exactly when it asked.
  void run(Duration span) {
    const Instant end = clock.mono() + span;
    for (std::size_t turns = 0;; ++turns) {
      REQUIRE(turns < 100'000);
      const Instant next = std::min(a.tunnel.next_deadline().value_or(end), b.tunnel.next_deadline().value_or(end));
      if (next >= end) break;
      clock.advance_to(next);
      for (End* one : {&a, &b})
        if (one->tunnel.next_deadline() && *one->tunnel.next_deadline() <= clock.mono())
          take(*one, one->tunnel.run_timers(clock.now()));
    }
    clock.advance_to(end);
    for (End* one : {&a, &b}) take(*one, one->tunnel.run_timers(clock.now()));
  }

  /// A session, with data both ways, so that nobody owes the other anything.
  void connect() {
    send_to_b();
    send_to_a();
    REQUIRE(a.inside.size() == 1);
    REQUIRE(b.inside.size() == 1);
    run(11s);
    for (End* one : {&a, &b}) one->forget();
  }
};

}  // namespace

TEST_CASE("a packet that goes in at one end comes out at the other, IPv4 and IPv6, both ways") {
  Ends ends;
  CHECK_FALSE(ends.a.tunnel.next_deadline());
  for (const std::size_t octets : {28u, 29u, 100u, 1419u, 1420u}) ends.send_to_b(octets);
  const Packet v6 = udp_packet({.source = "fd00::1", .destination = "fd00::2", .octets = 77});
  ends.send(ends.a, v6);
  ends.send_to_a(333);
  REQUIRE(ends.b.inside.size() == 6);
  CHECK(ends.b.inside[0] == udp_packet({.source = "10.0.0.1", .destination = "10.0.0.2", .octets = 28}));
  CHECK(ends.b.inside[3] == udp_packet({.source = "10.0.0.1", .destination = "10.0.0.2", .octets = 1419}));
  CHECK(ends.b.inside[5] == v6);
  REQUIRE(ends.a.inside.size() == 1);
  CHECK(ends.a.inside[0] == udp_packet({.source = "10.0.0.2", .destination = "10.0.0.1", .octets = 333}));
  CHECK(ends.a.drops.empty());
  CHECK(ends.b.drops.empty());
}

TEST_CASE("the outside sees a handshake, then sizes that are multiples of 16 or the full MTU") {
  Ends ends;
  ends.send_to_b(28);
  const Instant now = ends.clock.mono();
  CHECK(ends.a.sent == std::vector<Sent>{{now, Kind::initiation, 148}, {now, Kind::data, 32 + 32}});
  CHECK(ends.b.sent == std::vector<Sent>{{now, Kind::response, 92}});
  ends.a.sent.clear();
  for (std::size_t octets = 28; octets <= 1420; ++octets) ends.send_to_b(octets);
  for (const Sent& sent : ends.a.sent) CHECK((sent.octets % 16 == 0 || sent.octets == 1420 + 32));
  CHECK(ends.b.inside.size() == 1394);
}

TEST_CASE("only ECN shows outside, and congestion met outside is told inside") {
  Ends ends;
  ends.connect();
  Output out = ends.a.tunnel.from_inside(
      ends.clock.now(), udp_packet({.source = "10.0.0.1", .destination = "10.0.0.2", .tos = 0xb8 | 2}));
  REQUIRE(out.outside.size() == 1);
  CHECK(out.outside[0].tos == 2);
  out = ends.b.tunnel.from_outside(ends.clock.now(), out.outside[0].octets, ends.a.at, 3);
  REQUIRE(out.inside.size() == 1);
  CHECK(out.inside[0] == udp_packet({.source = "10.0.0.1", .destination = "10.0.0.2", .tos = 0xb8 | 3}));
}

TEST_CASE("packets wait for the handshake; after a minute without an answer the newest 128 arrive, in order") {
  Ends ends;
  ends.lost = [](const End&, const OutsideDatagram&) { return true; };
  for (std::size_t n = 0; n < 200; ++n) ends.send_to_b(100 + n);
  CHECK(ends.a.drops == std::vector(72, Drop::staging_full));
  ends.run(60s);
  CHECK(ends.a.count(Kind::initiation) >= 11);
  ends.lost = [](const End&, const OutsideDatagram&) { return false; };
  ends.run(6s);
  REQUIRE(ends.b.inside.size() == 128);
  for (std::size_t n = 0; n < 128; ++n) CHECK(ends.b.inside[n].size() == 172 + n);
}

TEST_CASE("a peer that does not answer is given up after 18 tries more, and says so for what waited") {
  Ends ends;
  ends.lost = [](const End&, const OutsideDatagram&) { return true; };
  ends.send_to_b();
  ends.send_to_b();
  ends.run(110s);
  CHECK(ends.a.count(Kind::initiation) == 19);
  CHECK(ends.a.drops == std::vector(2, Drop::handshake_gave_up));
  for (std::size_t i = 1; i < ends.a.sent.size(); ++i) {
    const Duration gap = ends.a.sent[i].at - ends.a.sent[i - 1].at;
    CHECK(gap >= 5s);
    CHECK(gap <= 5333ms);
  }
  ends.run(1h);
  CHECK(ends.a.count(Kind::initiation) == 19);
}

// Keepalives

TEST_CASE("data that is not answered is answered by one keepalive after 10 s, and that by nothing") {
  Ends ends;
  ends.connect();
  const Instant start = ends.clock.mono();
  ends.send_to_b();
  ends.run(3s);
  ends.send_to_b();
  ends.run(1h);
  CHECK(ends.b.sent == std::vector<Sent>{{start + 10s, Kind::keepalive, 32}});
  CHECK(ends.a.count(Kind::data) == 2);
  CHECK(ends.a.sent.size() == 2);
}

TEST_CASE("data answered by data needs no keepalive, at either end") {
  Ends ends;
  ends.connect();
  for (int i = 0; i < 10; ++i) {
    ends.send_to_b();
    ends.send_to_a();
    ends.run(1s);
  }
  CHECK(ends.a.count(Kind::keepalive) == 0);
  CHECK(ends.b.count(Kind::keepalive) == 0);
  ends.run(20s);  // the last word was b's
  CHECK(ends.a.count(Kind::keepalive) == 1);
  CHECK(ends.b.count(Kind::keepalive) == 0);
}

TEST_CASE("between idle peers nothing goes to and fro, for a day") {
  Ends ends;
  ends.connect();
  ends.run(24h);
  CHECK(ends.a.sent.empty());
  CHECK(ends.b.sent.empty());
}

TEST_CASE("a persistent keepalive every 25 s, answered by nothing; traffic puts it off") {
  Ends ends;
  ends.connect();
  PeerSettings settings = ends.of_b();
  settings.persistent_keepalive = 25s;
  Instant start = ends.clock.mono();
  ends.take(ends.a, ends.a.tunnel.add_peer(ends.clock.now(), std::move(settings)));
  ends.run(90s);
  CHECK(ends.a.sent == std::vector<Sent>{{start, Kind::keepalive, 32},
                                         {start + 25s, Kind::keepalive, 32},
                                         {start + 50s, Kind::keepalive, 32},
                                         {start + 75s, Kind::keepalive, 32}});
  CHECK(ends.b.sent.empty());
  ends.a.forget();
  start = ends.clock.mono();  // 15 s after the last
  ends.run(5s);
  ends.send_to_a();
  ends.run(14s);  // the passive one after 10 s is a packet too
  CHECK(ends.a.sent == std::vector<Sent>{{start + 15s, Kind::keepalive, 32}});
  ends.a.forget();
  ends.run(1h);
  CHECK(ends.a.count(Kind::keepalive) >= 100);  // 120 s and 165 s rules renew the session meanwhile
  CHECK(ends.a.count(Kind::keepalive) <= 3600 / 25 + 31);
  CHECK(ends.b.count(Kind::keepalive) == 0);
}

TEST_CASE("a persistent keepalive keeps trying where there is no session yet") {
  Ends ends;
  ends.lost = [](const End&, const OutsideDatagram&) { return true; };
  PeerSettings settings = ends.of_b();
  settings.persistent_keepalive = 60s;
  ends.take(ends.a, ends.a.tunnel.add_peer(ends.clock.now(), std::move(settings)));
  ends.run(1h);
  CHECK(ends.a.count(Kind::initiation) > 400);  // 19 tries, then 60 s after the last one again
  ends.lost = [](const End&, const OutsideDatagram&) { return false; };
  ends.run(60s);
  CHECK(ends.b.tunnel.status(ends.a.tunnel.public_key())->last_handshake);
  CHECK(ends.a.count(Kind::keepalive) >= 1);
}

// Sessions

TEST_CASE("under traffic the initiator renews the session every 120 s, and no packet is lost") {
  Ends ends;
  ends.connect();
  std::size_t sent = 0;
  for (; sent < 1200; ++sent) {
    ends.send_to_b();
    ends.send_to_a();
    ends.run(500ms);
  }
  CHECK(ends.a.inside.size() == sent);
  CHECK(ends.b.inside.size() == sent);
  CHECK(ends.a.count(Kind::initiation) == 5);
  CHECK(ends.b.count(Kind::initiation) == 0);
  CHECK(ends.a.drops.empty());
  CHECK(ends.b.drops.empty());
}

TEST_CASE("an initiator that only receives renews at 165 s, once") {
  Ends ends;
  ends.connect();
  ends.lost = [&](const End& from, const OutsideDatagram& datagram) {
    return &from == &ends.a && kind(datagram) == Kind::initiation;
  };
  const Instant born = ends.clock.mono() - 11s;
  std::optional<Instant> renewed;
  // Its own keepalives, sent after 120 s, would renew as well: so the data starts late.
  ends.run(born + 156s - ends.clock.mono());
  while (!renewed && ends.clock.mono() < born + 179s) {
    ends.send_to_a();
    ends.run(100ms);
    if (ends.a.count(Kind::initiation) > 0) renewed = ends.a.sent.front().at;
  }
  CHECK(renewed == born + 165s);
}

TEST_CASE("180 s after its birth a session opens nothing any more, and the next packet asks for a new one") {
  Ends ends;
  ends.connect();
  const Instant born = ends.clock.mono() - 11s;
  const auto held = [&](std::size_t octets) {
    return ends.a.tunnel
        .from_inside(ends.clock.now(), udp_packet({.source = "10.0.0.1", .destination = "10.0.0.2", .octets = octets}))
        .outside.at(0)
        .octets;
  };
  const Packet first = held(90);
  const Packet second = held(91);
  ends.clock.advance_to(born + 180s - 1ns);
  CHECK(ends.b.tunnel.from_outside(ends.clock.now(), first, ends.a.at).inside.size() == 1);
  ends.clock.advance(1ns);
  const Output late = ends.b.tunnel.from_outside(ends.clock.now(), second, ends.a.at);
  CHECK(late.inside.empty());
  CHECK(late.drops == std::vector{Drop::session_expired});
  ends.send_to_a();
  CHECK(ends.b.count(Kind::initiation) == 1);
  CHECK(ends.a.inside.size() == 1);
}

TEST_CASE("540 s after the last handshake all keys are wiped") {
  Ends ends;
  ends.connect();
  const Output held = ends.b.tunnel.from_inside(
      ends.clock.now(), udp_packet({.source = "10.0.0.2", .destination = "10.0.0.1", .octets = 90}));
  ends.take(ends.b, held);
  const auto dropped = [&] {
    return ends.a.tunnel.from_outside(ends.clock.now(), held.outside.at(0).octets, ends.b.at).drops;
  };
  ends.run(529s - 1ns);
  CHECK(dropped() == std::vector{Drop::session_expired});
  ends.run(1ns);
  CHECK(dropped() == std::vector{Drop::unknown_index});
  ends.run(6s);
  ends.b.forget();
  ends.send_to_b();
  CHECK(ends.b.inside.size() == 1);
}

TEST_CASE("data sent for 15 s without a word back begins a new handshake") {
  Ends ends;
  ends.connect();
  ends.lost = [](const End&, const OutsideDatagram& datagram) { return kind(datagram) != Kind::initiation; };
  const Instant start = ends.clock.mono();
  while (ends.a.count(Kind::initiation) == 0 && ends.clock.mono() < start + 30s) {
    ends.send_to_b();
    ends.run(1ms);
  }
  const Duration waited = ends.a.sent.back().at - start;
  CHECK(waited >= 15s);
  CHECK(waited <= 15334ms);
}

TEST_CASE("an end that lost its memory is called anew") {
  Ends ends;
  ends.connect();
  ends.b.tunnel = Tunnel(key(0x50), ends.b.entropy);
  ends.take(ends.b, ends.b.tunnel.add_peer(ends.clock.now(), ends.of_a()));
  ends.send_to_b();
  CHECK(ends.b.drops == std::vector{Drop::unknown_index});
  ends.run(16s);
  CHECK(ends.a.count(Kind::initiation) == 1);
  ends.send_to_b();
  CHECK(ends.b.inside.size() == 1);
}

// Roaming

TEST_CASE("either end may move, and is followed with its first packet") {
  Ends ends;
  ends.connect();
  ends.a.at = endpoint("203.0.113.1:7");
  ends.send_to_b();
  CHECK(ends.b.tunnel.status(ends.a.tunnel.public_key())->endpoint == ends.a.at);
  ends.send_to_a();
  CHECK(ends.a.inside.size() == 1);

  ends.b.at = endpoint("[2001:db8::7]:7");
  ends.send_to_a();
  CHECK(ends.a.tunnel.status(ends.b.tunnel.public_key())->endpoint == ends.b.at);
  ends.send_to_b();
  CHECK(ends.b.inside.size() == 2);
}

TEST_CASE("the status tells of each move at once, however many come in a moment") {
  Ends ends;
  ends.connect();
  for (std::uint16_t port = 7; port < 10; ++port) {
    ends.a.at = endpoint("203.0.113.1:" + std::to_string(port));
    ends.send_to_b();
    CHECK(ends.b.tunnel.status(ends.a.tunnel.public_key())->endpoint == ends.a.at);
  }
}

TEST_CASE("a copy of a datagram from elsewhere moves nobody") {
  Ends ends;
  ends.connect();
  const Output out =
      ends.a.tunnel.from_inside(ends.clock.now(), udp_packet({.source = "10.0.0.1", .destination = "10.0.0.2"}));
  Packet forged = out.outside.at(0).octets;
  forged.back() ^= 1;
  const Endpoint away = endpoint("203.0.113.66:6");
  CHECK(ends.b.tunnel.from_outside(ends.clock.now(), forged, away).drops == std::vector{Drop::bad_tag});
  CHECK(ends.b.tunnel.status(ends.a.tunnel.public_key())->endpoint == ends.a.at);
  ends.take(ends.b, ends.b.tunnel.from_outside(ends.clock.now(), out.outside[0].octets, ends.a.at));
  CHECK(ends.b.tunnel.from_outside(ends.clock.now(), out.outside[0].octets, away).drops == std::vector{Drop::replayed});
  CHECK(ends.b.tunnel.status(ends.a.tunnel.public_key())->endpoint == ends.a.at);
}

// Settings

TEST_CASE("a removed peer is deaf and mute, and may come again") {
  Ends ends;
  ends.connect();
  ends.b.tunnel.remove_peer(ends.b.tunnel.public_key());  // nobody of that name
  ends.b.tunnel.remove_peer(ends.a.tunnel.public_key());
  CHECK_FALSE(ends.b.tunnel.status(ends.a.tunnel.public_key()));
  CHECK_FALSE(ends.b.tunnel.next_deadline());
  ends.send_to_b();
  ends.send_to_a();
  CHECK(ends.b.drops == std::vector{Drop::unknown_index, Drop::no_peer_for_destination});
  CHECK(ends.b.sent.empty());
  ends.take(ends.b, ends.b.tunnel.add_peer(ends.clock.now(), ends.of_a()));
  ends.run(20s);
  ends.send_to_b();
  CHECK(ends.b.inside.size() == 1);
}

TEST_CASE("settings of a known peer are replaced as a whole, and its session lives on") {
  Ends ends;
  ends.connect();
  PeerSettings settings = ends.of_b();
  settings.allowed_ips = {prefix("10.0.0.3/32")};
  settings.endpoint.reset();  // keeps what is known
  ends.take(ends.a, ends.a.tunnel.add_peer(ends.clock.now(), std::move(settings)));
  CHECK(ends.a.tunnel.status(ends.b.tunnel.public_key())->endpoint == ends.b.at);
  ends.send_to_b();
  CHECK(ends.a.drops == std::vector{Drop::no_peer_for_destination});
  ends.send(ends.a, udp_packet({.source = "10.0.0.1", .destination = "10.0.0.3"}));
  CHECK(ends.b.inside.size() == 1);
  CHECK(ends.a.count(Kind::initiation) == 0);
}

TEST_CASE("our own key is no peer") {
  Ends ends;
  PeerSettings self = ends.of_b();
  self.public_key = ends.a.tunnel.public_key();
  self.allowed_ips = {prefix("10.0.0.2/32")};
  CHECK(ends.a.tunnel.add_peer(ends.clock.now(), std::move(self)).outside.empty());
  CHECK_FALSE(ends.a.tunnel.status(ends.a.tunnel.public_key()));
  ends.send_to_b();
  CHECK(ends.b.inside.size() == 1);
}

TEST_CASE("both ends need the same preshared key") {
  Ends ends;
  PeerSettings settings = ends.of_b();
  settings.preshared_key.secret = key(9).secret.clone();
  ends.take(ends.a, ends.a.tunnel.add_peer(ends.clock.now(), std::move(settings)));
  ends.send_to_b();
  CHECK(ends.a.drops == std::vector{Drop::bad_response_tag});
  settings = ends.of_a();
  settings.preshared_key.secret = key(9).secret.clone();
  ends.take(ends.b, ends.b.tunnel.add_peer(ends.clock.now(), std::move(settings)));
  ends.run(6s);
  CHECK(ends.b.inside.size() == 1);
}

TEST_CASE("when cookies are demanded the handshake takes one more try") {
  Ends ends;
  ends.b.tunnel.set_cookies(Tunnel::Cookies::demanded);
  ends.send_to_b();
  CHECK(ends.b.drops == std::vector{Drop::cookie_demanded});
  CHECK(ends.b.count(Kind::cookie) == 1);
  CHECK(ends.b.inside.empty());
  ends.run(6s);
  CHECK(ends.b.inside.size() == 1);
  CHECK(ends.b.count(Kind::cookie) == 1);
  CHECK(ends.a.count(Kind::initiation) == 2);
  Ends easy;
  easy.b.tunnel.set_cookies(Tunnel::Cookies::demanded);
  easy.b.tunnel.set_cookies(Tunnel::Cookies::not_asked);
  easy.send_to_b();
  CHECK(easy.b.inside.size() == 1);
}

TEST_CASE("the status tells endpoint, last handshake and octets of authenticated messages") {
  Ends ends;
  const PublicKey& a = ends.a.tunnel.public_key();
  const PublicKey& b = ends.b.tunnel.public_key();
  CHECK_FALSE(ends.b.tunnel.status(a)->endpoint);
  CHECK_FALSE(ends.b.tunnel.status(a)->last_handshake);
  ends.send_to_b(100);
  const PeerStatus at_a = *ends.a.tunnel.status(b);
  const PeerStatus at_b = *ends.b.tunnel.status(a);
  CHECK(at_b.endpoint == ends.a.at);
  CHECK(at_b.last_handshake == ends.clock.now().wall);
  CHECK(at_a.last_handshake == ends.clock.now().wall);
  CHECK(at_a.octets_sent == 148 + 112 + 32);
  CHECK(at_a.octets_received == 92);
  CHECK(at_b.octets_sent == 92);
  CHECK(at_b.octets_received == 148 + 112 + 32);
  ends.b.tunnel.from_outside(ends.clock.now(), Packet(500, 4), ends.a.at);
  CHECK(ends.b.tunnel.status(a)->octets_received == at_b.octets_received);
  CHECK_FALSE(ends.a.tunnel.status(a));
}

TEST_CASE("what cannot be sent says why") {
  Ends ends;
  ends.send(ends.a, Packet(40, 0xff));
  ends.send(ends.a, {});
  ends.send(ends.a, udp_packet({.source = "10.0.0.1", .destination = "10.9.9.9"}));
  ends.send_to_a();
  CHECK(ends.a.drops == std::vector{Drop::not_ip, Drop::not_ip, Drop::no_peer_for_destination});
  CHECK(ends.b.drops == std::vector{Drop::no_endpoint});
}
