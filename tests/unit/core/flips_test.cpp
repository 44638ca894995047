// SPDX-License-Identifier: MIT
// A forged or malformed datagram changes nothing but a counter: each message with each single bit wrong, cut short,
// extended, and anything at all. The genuine message works afterwards.
#include <random>

#include <doctest/doctest.h>

#include "fingerprint.hpp"

using namespace culvert;
using namespace culvert::test;
using namespace std::chrono_literals;

namespace {

const Endpoint kAway = endpoint("203.0.113.9:999");

/// The node takes `datagram` from an address of its own and is as before.
void check_refused(Node& node, Bytes datagram, const std::string& before, Load load = Load::normal) {
  const Step step = node.from_outside(datagram, kAway, load);
  const bool refused = step.drops.size() == 1 && step.silent() && fingerprint(node) == before;
  if (!refused) CHECK(fingerprint(node) == before);
  REQUIRE(refused);
}

/// Every bit outside of `spared` octets, one at a time.
void flip_all(Node& node, Packet datagram, std::size_t from = 0, std::size_t to = SIZE_MAX,
              const std::function<void(Packet&)>& mend = {}) {
  const std::string before = fingerprint(node);
  for (std::size_t bit = from * 8; bit < std::min(to, datagram.size()) * 8; ++bit) {
    Packet flipped = datagram;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    if (mend) mend(flipped);
    CAPTURE(bit);
    check_refused(node, flipped, before);
  }
}

/// Shorter down to nothing, and longer by one octet up to 100, zero or not.
void resize_all(Node& node, const Packet& datagram) {
  const std::string before = fingerprint(node);
  for (std::size_t size = 0; size < datagram.size(); ++size) {
    CAPTURE(size);
    check_refused(node, Bytes(datagram).first(size), before);
  }
  for (const std::uint8_t fill : {std::uint8_t{0}, std::uint8_t{0xff}}) {
    Packet longer = datagram;
    for (int n = 0; n < 100; ++n) {
      longer.push_back(fill);
      CAPTURE(longer.size());
      check_refused(node, longer, before);
    }
  }
}

/// Writes the mac1 that anybody who knows the receiver's public key can compute.
template <class Message>
auto restamped(std::string_view receiver) {
  return [receiver](Packet& octets) {
    auto message = wire::load<Message>(octets);
    CookieHolder().stamp({}, public_key(receiver), message);
    octets = octets_of(message);
  };
}

}  // namespace

TEST_CASE("an initiation with any bit wrong is refused") {
  Pair pair;
  const Packet genuine = pair.a.from_inside(Pair::to_b()).outside.at(0).octets;
  flip_all(pair.b, genuine, 0, 132);  // mac2 is looked at under load alone
  CHECK(pair.b.from_outside(genuine, pair.at_a).outside.size() == 1);
}

TEST_CASE("an initiation with a bit wrong and mac1 mended is refused as well; its sender index alone is not sealed") {
  Pair pair;
  const Packet genuine = pair.a.from_inside(Pair::to_b()).outside.at(0).octets;
  flip_all(pair.b, genuine, 8, 116, restamped<wire::Initiation>(kResponderPublic));
  CHECK(pair.b.from_outside(genuine, pair.at_a).outside.size() == 1);
}

TEST_CASE("while there is no load, mac2 is not looked at; under load each of its bits counts") {
  Packet genuine;
  for (std::size_t bit = 132 * 8; bit < 148 * 8; ++bit) {
    Pair pair;
    Packet flipped = pair.a.from_inside(Pair::to_b()).outside.at(0).octets;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    REQUIRE(pair.b.from_outside(flipped, pair.at_a).outside.size() == 1);
  }
  Pair pair;
  const Step call = pair.a.from_inside(Pair::to_b());
  pair.hand_to_a(pair.b.from_outside(call.outside.at(0).octets, pair.at_a, Load::heavy));
  pair.a.sleep();
  genuine = pair.a.timers().outside.at(0).octets;
  for (std::size_t bit = 132 * 8; bit < 148 * 8; ++bit) {
    Packet flipped = genuine;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    REQUIRE(pair.b.from_outside(flipped, pair.at_a, Load::heavy).dropped(Drop::cookie_demanded));
  }
  CHECK(pair.b.peer(pair.a_of_b).sessions.empty());
  CHECK(wire::classify(pair.b.from_outside(genuine, pair.at_a, Load::heavy).outside.at(0).octets) ==
        wire::Type::response);
}

TEST_CASE("a response with any bit wrong is refused, with mac1 mended as well") {
  Pair pair;
  const Step answer = pair.hand_to_b(pair.a.from_inside(Pair::to_b()));
  const Packet genuine = answer.outside.at(0).octets;
  flip_all(pair.a, genuine, 0, 76);
  flip_all(pair.a, genuine, 8, 60, restamped<wire::Response>(kInitiatorPublic));  // its sender index is not sealed
  CHECK(pair.hand_to_a(answer).outside.size() == 1);
}

TEST_CASE("a cookie reply with any bit wrong is refused") {
  Pair pair;
  const Step call = pair.a.from_inside(Pair::to_b());
  const Step demand = pair.b.from_outside(call.outside.at(0).octets, pair.at_a, Load::heavy);
  flip_all(pair.a, demand.outside.at(0).octets);
  CHECK(pair.hand_to_a(demand).count(Event::Kind::cookie_received) == 1);
  pair.a.sleep();
  CHECK(pair.b.from_outside(pair.a.timers().outside.at(0).octets, pair.at_a, Load::heavy).drops.empty());
}

TEST_CASE("a data packet with any bit wrong is refused, under each session that the receiver has") {
  Pair pair;
  pair.connect();
  const Packet keepalive =
      pair.a.tell([&](Device& d, Actions& a) { d.set_persistent_keepalive(pair.clock.now(), pair.b_of_a, 1000s, a); })
          .outside.at(0)
          .octets;
  REQUIRE(keepalive.size() == 32);
  const Packet small = pair.a.from_inside(Pair::to_b(40)).outside.at(0).octets;
  const Packet large = pair.a.from_inside(Pair::to_b(1420)).outside.at(0).octets;
  CHECK(large.size() == 1420 + 32);
  for (const Packet& genuine : {keepalive, small, large}) flip_all(pair.b, genuine);

  SUBCASE("as current") {}
  SUBCASE("as previous, after a renewal") {
    pair.clock.advance(121s);
    const Step renewal = pair.a.from_inside(Pair::to_b());
    pair.run(renewal);
    flip_all(pair.b, small);
    pair.clock.advance(6s);
    const Packet waiting = pair.a.from_inside(Pair::to_b(40)).outside.at(0).octets;
    flip_all(pair.b, waiting);
    CHECK(pair.b.from_outside(waiting, pair.at_a).inside.size() == 1);
  }
  CHECK(pair.b.from_outside(keepalive, pair.at_a).drops.empty());
  CHECK(pair.b.from_outside(small, pair.at_a).inside.size() == 1);
  CHECK(pair.b.from_outside(large, pair.at_a).inside.size() == 1);
}

TEST_CASE("the first packet under next with any bit wrong confirms nothing") {
  Pair pair;
  const Step confirmation = pair.hand_to_a(pair.hand_to_b(pair.a.from_inside(Pair::to_b(40))));
  REQUIRE(confirmation.outside.size() == 1);
  flip_all(pair.b, confirmation.outside[0].octets);
  CHECK_FALSE(pair.b.peer(pair.a_of_b).sessions.current);
  CHECK(pair.hand_to_b(confirmation).inside.size() == 1);
  CHECK(pair.b.peer(pair.a_of_b).sessions.current);
}

TEST_CASE("every message cut short or extended is refused") {
  Pair pair;
  const Step call = pair.a.from_inside(Pair::to_b(40));
  resize_all(pair.b, call.outside.at(0).octets);
  const Step demand = pair.b.from_outside(call.outside[0].octets, pair.at_a, Load::heavy);
  resize_all(pair.a, demand.outside.at(0).octets);
  const Step answer = pair.hand_to_b(call);
  resize_all(pair.a, answer.outside.at(0).octets);
  const Step data = pair.hand_to_a(answer);
  resize_all(pair.b, data.outside.at(0).octets);
  CHECK(pair.hand_to_b(data).inside.size() == 1);
}

TEST_CASE("a data packet that comes again, from anywhere, changes nothing") {
  Pair pair;
  pair.connect();
  std::vector<Packet> seen;
  for (int n = 0; n < 20; ++n) seen.push_back(pair.a.from_inside(Pair::to_b(40)).outside.at(0).octets);
  for (const Packet& packet : seen) CHECK(pair.b.from_outside(packet, pair.at_a).inside.size() == 1);
  const std::string before = fingerprint(pair.b);
  for (const Packet& packet : seen) {
    CHECK(pair.b.from_outside(packet, kAway).dropped(Drop::replayed));
    check_refused(pair.b, packet, before);
  }
}

TEST_CASE("a packet that authenticates moves the endpoint, whatever it carries; one that does not never does") {
  Pair pair;
  pair.connect();
  pair.a.tell([&](Device& d, Actions& a) { d.add_allowed_ip(pair.b_of_a, prefix("10.0.0.0/24"), a); });
  const auto foreign = udp_packet({.source = "10.0.0.77", .destination = "10.0.0.2"});
  const Packet not_allowed = pair.a.from_inside(foreign).outside.at(0).octets;
  CHECK(pair.b.from_outside(not_allowed, kAway).dropped(Drop::source_not_allowed));
  CHECK(pair.b.peer(pair.a_of_b).endpoint == kAway);
}

TEST_CASE("whatever arrives, of any length and with any first octet, brings no answer and changes nothing") {
  constexpr std::uint32_t kSeed = 20240229;
  Pair pair;
  pair.connect();
  std::mt19937 random(kSeed);
  Packet noise(8192);
  for (std::uint8_t& octet : noise) octet = static_cast<std::uint8_t>(random());
  const std::string before = fingerprint(pair.b);
  std::size_t answered = 0;
  Packet datagram;
  for (std::size_t size = 0; size <= 2048; ++size) {
    for (unsigned first = 0; first < 256; first += size == 0 ? 256 : 1) {
      const auto at = static_cast<std::ptrdiff_t>(random() % (noise.size() - size));
      datagram.assign(noise.begin() + at, noise.begin() + at + static_cast<std::ptrdiff_t>(size));
      if (size > 0) datagram[0] = static_cast<std::uint8_t>(first);
      if (size >= 4 && random() % 2 == 0) std::fill_n(datagram.begin() + 1, 3, std::uint8_t{0});
      const Load load = random() % 2 == 0 ? Load::normal : Load::heavy;
      const Step step = pair.b.from_outside(datagram, kAway, load);
      if (!step.silent() || step.drops.size() != 1) ++answered;
    }
  }
  CHECK(answered == 0);
  CHECK(fingerprint(pair.b) == before);
  CHECK(pair.hand_to_b(pair.a.from_inside(Pair::to_b())).inside.size() == 1);
}

TEST_CASE("with a good mac1, which anybody can compute, noise still brings at most a cookie, smaller than itself") {
  constexpr std::uint32_t kSeed = 7;
  Pair pair;
  pair.connect();
  std::mt19937 random(kSeed);
  const auto noise = [&](auto message, std::string_view receiver) {
    Packet octets = octets_of(message);
    for (std::size_t i = 4; i < octets.size(); ++i) octets[i] = static_cast<std::uint8_t>(random());
    restamped<decltype(message)>(receiver)(octets);
    return octets;
  };
  for (int i = 0; i < 300; ++i) {
    for (const Packet& datagram :
         {noise(wire::Initiation{}, kResponderPublic), noise(wire::Response{}, kResponderPublic)}) {
      const std::string before = fingerprint(pair.b);
      check_refused(pair.b, datagram, before);
      pair.clock.advance(50ms);  // slow enough to stay within its address's share of cookies
      const Step demand = pair.b.from_outside(datagram, kAway, Load::heavy);
      REQUIRE(demand.dropped(Drop::cookie_demanded));
      REQUIRE(demand.outside.size() == 1);
      REQUIRE(demand.outside[0].octets.size() < datagram.size());
      REQUIRE(demand.outside[0].to == kAway);
    }
  }
}

TEST_CASE("no message makes a node send more octets than it received, unless it authenticated") {
  Pair pair;
  const Step call = pair.a.from_inside(Pair::to_b());
  const Step answer = pair.hand_to_b(call);
  CHECK(answer.outside.at(0).octets.size() < call.outside.at(0).octets.size());
  CHECK(answer.outside.size() == 1);
  for (const Packet& datagram : {call.outside[0].octets, answer.outside[0].octets}) {
    for (Node* node : {&pair.a, &pair.b}) {
      std::size_t sent = 0;
      for (const Datagram& out : node->from_outside(datagram, kAway, Load::heavy).outside) sent += out.octets.size();
      CHECK(sent < datagram.size());
    }
  }
}
