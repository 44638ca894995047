// SPDX-License-Identifier: MIT
// Three nodes, each a peer of both others: packets go by destination, and only the owner of an address may use it.
#include <doctest/doctest.h>

#include "pair.hpp"

using namespace culvert;
using namespace culvert::sim;

namespace {

struct Triangle {
  explicit Triangle(std::uint64_t seed) : world(seed), a(world.add()), b(world.add()), c(world.add()) {
    world.introduce(a, b);
    world.introduce(b, c);
    world.introduce(c, a);
  }
  void traffic(Duration period, Time until) {
    for (Node* from : {&a, &b, &c})
      for (Node* to : {&a, &b, &c})
        if (from != to) world.traffic(*from, *to, period, until);
  }
  template <class F>
  void for_each_pair(F&& f) {
    f(a, b), f(b, a), f(b, c), f(c, b), f(c, a), f(a, c);
  }
  World world;
  Node &a, &b, &c;
};

}  // namespace

TEST_CASE("three nodes exchange packets for an hour, each with both others, and none goes astray") {
  Triangle t(1);
  t.world.paths(t.a, t.b, {.delay = 5ms});
  t.world.paths(t.b, t.c, {.delay = 200ms, .jitter = 50ms});
  t.world.paths(t.c, t.a, {.delay = 50ms, .duplication = 0.1, .reordering = 0.1, .late = 500ms});
  t.traffic(200ms, 1h);
  t.world.run_for(1h + 10s);
  t.for_each_pair([&](Node& from, Node& to) {
    CHECK(t.world.flow(from, to).sent() == 5 * 3600);
    CHECK(t.world.flow(from, to).lost() == 0);
    CHECK(t.world.handshakes(from, to) <= 32);
    CHECK(t.world.wire(from, to).least_gap >= kRetryAfter);
  });
  CHECK(t.world.wrong_deliveries() == 0);
  CHECK(t.world.duplicates() == 0);
}

TEST_CASE("a node cannot send in the name of another") {
  Triangle t(2);
  t.traffic(1s, 10s);
  t.world.run_for(11s);
  t.world.forge(t.c, t.a, t.b);
  t.world.forge(t.c, t.b, t.b);
  t.world.run_for(1s);
  CHECK(t.b.dropped(Drop::source_not_allowed) == 2);
  CHECK(t.world.wrong_deliveries() == 0);
}

TEST_CASE("a short prefix does not entitle to an address that a longer one gives to somebody else") {
  Triangle t(3);
  for (PeerConfig& config : t.a.peers)
    if (config.node == t.b.id) config.allowed_bits = 24;  // all of the net is b's, but c's address is c's
  t.world.restart(t.a);
  t.traffic(1s, 10s);
  t.world.run_for(11s);
  t.world.forge(t.b, t.c, t.a);
  t.world.run_for(1s);
  CHECK(t.a.dropped(Drop::source_not_allowed) == 1);
  CHECK(t.world.wrong_deliveries() == 0);
  CHECK(t.world.flow(t.a, t.c).lost() == 0);  // c's packets did not go to b
  CHECK(t.world.flow(t.c, t.a).lost() == 0);
}

TEST_CASE("a dead peer takes nothing from the other two") {
  Triangle t(4);
  t.traffic(100ms, 10min);
  t.world.run_for(60s);
  t.world.stop(t.c);
  t.world.run_for(5min);
  CHECK(t.world.flow(t.a, t.b).sent() - t.world.flow(t.a, t.b).delivered() <= 1);  // one is on the way
  CHECK(t.world.wire(t.a, t.c).least_gap >= kRetryAfter);
  t.world.start(t.c);
  t.world.run_until(10min + 10s);
  CHECK(t.world.flow(t.a, t.b).lost() + t.world.flow(t.b, t.a).lost() == 0);
  CHECK(t.world.flow(t.a, t.c).first_delivery(6min + 10s));
  CHECK(t.world.flow(t.c, t.a).first_delivery(6min + 10s));
}
