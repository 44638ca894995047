// SPDX-License-Identifier: MIT
// Addresses change, NATs rewrite and forget: whoever sends an authentic packet is answered where it came from.
#include <doctest/doctest.h>

#include "pair.hpp"

using namespace culvert;
using namespace culvert::sim;

TEST_CASE("a node that moves is followed with its first packet") {
  Pair p(1);
  p.connect();
  for (std::uint8_t n = 100; n < 120; ++n) {
    p.world.move(p.a, n);
    p.world.send(p.b, p.a);  // to the old address
    p.world.run_for(100ms);
    CHECK(p.back().lost() == n - 99u);
    p.world.send(p.a, p.b);
    p.world.run_for(kDelay);
    p.world.send(p.b, p.a);
    p.world.run_for(1s);
    CHECK(p.back().lost() == n - 99u);
    CHECK(p.there().lost() == 0);
    CHECK(p.b.tunnel->status(p.a.public_key)->endpoint == p.a.here);
  }
  CHECK(p.from_a().initiations.size() + p.from_b().initiations.size() == 1);
}

TEST_CASE("both ends may move in turn, as long as one of them is where the other looks") {
  Pair p(2);
  p.world.traffic(p.a, p.b, 100ms, 10min);
  p.world.traffic(p.b, p.a, 100ms, 10min);
  for (std::uint8_t n = 0; n < 50; ++n) {
    p.world.run_for(10s);
    Node& mover = n % 2 == 0 ? p.a : p.b;
    p.world.move(mover, static_cast<std::uint8_t>(100 + n));
    const Time moved = p.world.now();
    p.world.run_for(1s);
    const auto at = p.world.flow(n % 2 == 0 ? p.b : p.a, mover).first_delivery(moved);
    REQUIRE(at);
    CHECK(*at - moved <= 2 * kDelay + 200ms);
  }
  CHECK(p.from_a().initiations.size() + p.from_b().initiations.size() <= 10);
}

TEST_CASE("a forged, a replayed or a damaged packet moves nobody") {
  Pair p(3);
  p.connect();
  std::optional<Datagram> recorded;
  p.world.tap = [&](const Datagram& d) { recorded = d; };
  p.world.send(p.a, p.b);
  REQUIRE(recorded);
  p.world.tap = {};
  const Endpoint elsewhere{Node::address(192, 99), 4321, 0};
  Datagram damaged{recorded->octets, elsewhere, recorded->to};
  damaged.octets.back() ^= 1;
  p.world.replay(damaged);
  CHECK(p.b.tunnel->status(p.a.public_key)->endpoint == p.a.here);
  p.world.run_for(1s);  // the true one arrives
  p.world.replay({recorded->octets, elsewhere, recorded->to});
  CHECK(p.b.tunnel->status(p.a.public_key)->endpoint == p.a.here);
  CHECK(p.b.dropped(Drop::bad_tag) == 1);
  CHECK(p.b.dropped(Drop::replayed) == 1);
}

TEST_CASE("behind a NAT a persistent keepalive keeps a node reachable for an hour, and without one it is not") {
  for (const std::chrono::seconds keepalive : {0s, 25s}) {
    CAPTURE(keepalive.count());
    World world(4);
    Node& a = world.add();
    Node& b = world.add();
    a.nat = &world.add_nat(1, 60s);
    world.introduce(a, b, {.b_knows_a = false, .keepalive_of_a = keepalive});
    world.send(a, b);
    world.run_for(65s);
    for (int i = 0; i < 50; ++i) {
      world.run_for(72s);
      world.send(b, a);
    }
    world.run_for(1s);
    if (keepalive == 0s)
      CHECK(world.flow(b, a).delivered() == 0);
    else
      CHECK(world.flow(b, a).lost() == 0);
  }
}

TEST_CASE("a NAT that forgets every five seconds is followed in one packet each time") {
  World world(5);
  Node& a = world.add();
  Node& b = world.add();
  a.nat = &world.add_nat(1, 60s);
  world.introduce(a, b, {.b_knows_a = false});
  world.traffic(a, b, 50ms, 10min);
  world.run_for(100ms);
  world.traffic(b, a, 50ms, 10min);
  for (int i = 0; i < 100; ++i) {
    world.run_for(5s);
    a.nat->forget();
  }
  world.run_until(10min + 1s);
  CHECK(world.flow(a, b).lost() == 0);
  // Of b's packets those are lost that were on the way, or left before a's next one arrived: 40 + 50 ms' worth.
  CHECK(world.flow(b, a).lost() > 0);
  CHECK(world.flow(b, a).lost() <= 100 * 3);
  CHECK(world.handshakes(a, b) <= 6);
}

TEST_CASE("both ends move at once, each behind a NAT, and find each other through the port that one NAT forwards") {
  for (const std::uint64_t seed : seeds("both move", 10)) {
    CAPTURE(seed);
    World world(seed);
    Node& a = world.add();
    Node& b = world.add();
    a.nat = &world.add_nat(1, 60s);
    b.nat = &world.add_nat(2, 60s);
    b.nat->forward(51820, b.here);
    world.introduce(a, b, {.a_knows_b = false, .b_knows_a = false, .keepalive_of_a = 25s, .keepalive_of_b = 25s});
    world.tell(a, b, {b.nat->public_address(), 51820, 0});
    world.traffic(a, b, 60s, 20min);
    world.traffic(b, a, 60s, 20min);
    for (std::uint8_t move = 0; move < 10; ++move) {
      world.run_for(world.rng().between(60s, 110s));
      world.move(a, static_cast<std::uint8_t>(100 + move));
      world.move(b, static_cast<std::uint8_t>(200 + move));
      a.nat->renumber(Node::address(198, static_cast<std::uint8_t>(10 + move)));
      b.nat->forward(51820, b.here);
      const Time moved = world.now();
      // a's keepalive comes after 25 s at most; what b sends from then on arrives.
      world.run_for(25s + kDelay);
      const Time found = world.now();
      world.send(b, a);
      world.send(a, b);
      world.run_for(1s);
      CHECK(world.flow(b, a).first_delivery(found));
      CHECK(world.flow(a, b).first_delivery(moved));
    }
    CHECK(world.duplicates() + world.wrong_deliveries() == 0);
  }
}

TEST_CASE("when both ends lose their addresses at once, one word to one of them is enough") {
  Pair p(6);
  p.connect();
  p.world.traffic(p.a, p.b, 1s, 10min);
  p.world.traffic(p.b, p.a, 1s, 10min);
  p.world.run_for(10s);
  p.world.move(p.a, 101);
  p.world.move(p.b, 102);
  const Time moved = p.world.now();
  p.world.run_for(60s);
  CHECK_FALSE(p.there().first_delivery(moved));
  CHECK_FALSE(p.back().first_delivery(moved));
  const Time told = p.world.now();
  p.world.tell(p.a, p.b, p.b.here);
  p.world.run_for(10s);
  REQUIRE(p.there().first_delivery(told));
  REQUIRE(p.back().first_delivery(told));
  CHECK(*p.there().first_delivery(told) - told <= kRetryAfter + kMostJitter + 3 * kDelay + 1s);
  CHECK(*p.back().first_delivery(told) - told <= kRetryAfter + kMostJitter + 3 * kDelay + 1s);
}
