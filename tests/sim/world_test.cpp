// SPDX-License-Identifier: MIT
// The world itself: a simulation that loses less than it says would prove nothing.
#include <doctest/doctest.h>

#include "pair.hpp"

using namespace culvert;
using namespace culvert::sim;

TEST_CASE("a world without faults delivers every packet once, whole and in order") {
  Pair p(1);
  p.world.traffic(p.a, p.b, 10ms, 10s);
  p.world.run_for(20s);
  const Flow& f = p.world.flow(p.a, p.b);
  CHECK(f.sent() == 1000);
  CHECK(f.delivered() == 1000);
  CHECK(f.overtaken() == 0);
  CHECK(f.duplicates() + p.world.wrong_deliveries() == 0);
}

TEST_CASE("a lossy path loses its share, and the books say which") {
  Pair p(2);
  p.world.send(p.a, p.b);
  p.world.run_for(1s);
  p.world.path(p.a, p.b).loss = 0.2;
  p.world.traffic(p.a, p.b, 1ms, 11s);
  p.world.run_for(20s);
  const std::uint64_t lost = p.world.flow(p.a, p.b).lost();
  CHECK(lost > 1800);
  CHECK(lost < 2200);
  CHECK(p.world.wire(p.a, p.b).lost_of(Kind::data) == lost);
}

TEST_CASE("copies are made and late datagrams are overtaken") {
  Pair p(3);
  p.world.path(p.a, p.b) = {.duplication = 0.1, .reordering = 0.1, .late = 50ms};
  std::uint64_t arrivals = 0;
  p.world.traffic(p.a, p.b, 10ms, 10s);
  p.world.run_for(20s);
  arrivals = p.world.flow(p.a, p.b).delivered() + p.b.dropped(Drop::replayed);
  CHECK(arrivals > 1050);
  CHECK(arrivals < 1150);
  CHECK(p.world.flow(p.a, p.b).overtaken() > 50);
}

TEST_CASE("the same seed plays the same world, another seed another") {
  const auto play = [](std::uint64_t seed) {
    Pair p(seed);
    p.world.paths(p.a, p.b, {.jitter = 100ms, .loss = 0.3});
    std::vector<std::uint8_t> first;
    p.world.tap = [&](const Datagram& d) { first.insert(first.end(), d.octets.begin(), d.octets.end()); };
    p.world.traffic(p.a, p.b, 100ms, 30s);
    p.world.run_for(40s);
    return first;
  };
  const auto once = play(7);
  CHECK(once == play(7));
  CHECK(once != play(8));
}

TEST_CASE("a cut path carries nothing until it is mended") {
  Pair p(4);
  p.world.cut(p.a, p.b);
  p.world.send(p.a, p.b);
  p.world.run_for(20s);
  CHECK(p.world.wire(p.a, p.b).of(Kind::initiation) >= 3);
  CHECK(p.world.wire(p.b, p.a).total() == 0);
  p.world.mend(p.a, p.b);
  p.world.run_for(6s);
  CHECK(p.world.flow(p.a, p.b).delivered() == 1);
}

TEST_CASE("a NAT rewrites the source, lets only answers in, and forgets") {
  Nat nat(Node::address(198, 1), 60s);
  const Endpoint inner{Node::address(192, 1), 51820, 0}, peer{Node::address(192, 2), 51820, 0};
  const Endpoint stranger{Node::address(192, 3), 51820, 0};
  const Endpoint outer = nat.translate_out(0s, inner, peer);
  CHECK(outer.address == nat.public_address());
  CHECK(nat.translate_out(59s, inner, peer) == outer);
  CHECK(nat.translate_in(60s, outer.port, peer) == inner);
  CHECK_FALSE(nat.translate_in(60s, outer.port, stranger));
  CHECK_FALSE(nat.translate_in(119s, outer.port, peer));
  CHECK(nat.translate_out(119s, inner, peer) != outer);
}

TEST_CASE("a restarted node has forgotten its sessions, a sleeping one has not") {
  Pair p(5);
  p.world.send(p.a, p.b);
  p.world.run_for(1s);
  p.world.sleep(p.b, 10s);
  p.world.send(p.a, p.b);
  p.world.run_for(11s);
  CHECK(p.world.flow(p.a, p.b).delivered() == 1);  // nobody heard the second
  p.world.send(p.a, p.b);
  p.world.run_for(1s);
  CHECK(p.world.flow(p.a, p.b).delivered() == 2);
  p.world.restart(p.b);
  p.world.send(p.a, p.b);
  p.world.run_for(1s);
  CHECK(p.world.flow(p.a, p.b).delivered() == 2);
  CHECK(p.b.dropped(Drop::unknown_index) == 1);
}
