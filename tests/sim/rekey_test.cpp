// SPDX-License-Identifier: MIT
// Sessions are replaced every two minutes under traffic, and nobody inside may notice.
#include <doctest/doctest.h>

#include "pair.hpp"

using namespace culvert;
using namespace culvert::sim;

namespace {

void no_fault_inside(Pair& p) {
  CHECK(p.there().duplicates() == 0);
  CHECK(p.back().duplicates() == 0);
  CHECK(p.world.wrong_deliveries() == 0);
}

}  // namespace

TEST_CASE("three hours of traffic both ways cost no packet and 30 handshakes an hour") {
  for (const std::uint64_t seed : seeds("rekeying", 3)) {
    CAPTURE(seed);
    Pair p(seed);
    p.connect();
    p.world.traffic(p.a, p.b, 50ms, 3h);
    p.world.run_for(7ms);
    p.world.traffic(p.b, p.a, 50ms, 3h);
    p.world.run_until(3h + 5s);
    CHECK(p.there().sent() >= 20 * (3 * 3600 - 1));
    CHECK(p.there().lost() == 0);
    CHECK(p.back().lost() == 0);
    CHECK(p.there().overtaken() == 0);
    CHECK(p.back().overtaken() == 0);
    no_fault_inside(p);
    // A new session when the old one is 120 s old, and at most one packet and one round trip later.
    CHECK(p.world.handshakes(p.a, p.b) >= 3 * 29);
    CHECK(p.world.handshakes(p.a, p.b) <= 3 * 30 + 1);
    CHECK(p.from_b().initiations.empty());
    // Traffic is all the sign of life that is needed; only a session that nothing waits for is confirmed by a
    // keepalive.
    CHECK(p.from_a().of(Kind::keepalive) == p.world.handshakes(p.a, p.b) - 1);
    CHECK(p.from_b().of(Kind::keepalive) == 0);
  }
}

TEST_CASE("delay, jitter and reordering within the window cost no packet either") {
  for (const std::uint64_t seed : seeds("reordering", 3)) {
    CAPTURE(seed);
    Pair p(seed);
    p.world.paths(p.a, p.b, {.delay = 150ms, .jitter = 100ms, .reordering = 0.25, .late = 2s});
    p.world.traffic(p.a, p.b, 20ms, 1h);
    p.world.traffic(p.b, p.a, 30ms, 1h);
    p.world.run_until(1h + 10s);
    CHECK(p.there().lost() == 0);
    CHECK(p.back().lost() == 0);
    CHECK(p.there().overtaken() > 1000);
    no_fault_inside(p);
    CHECK(p.world.handshakes(p.a, p.b) >= 28);
    CHECK(p.world.handshakes(p.a, p.b) <= 32);
  }
}

TEST_CASE("datagrams that come twice are delivered once") {
  for (const double share : {0.01, 0.1, 0.5}) {
    CAPTURE(share);
    Pair p(1);
    p.world.paths(p.a, p.b, {.jitter = 200ms, .duplication = share, .reordering = 0.1, .late = 1s});
    p.world.traffic(p.a, p.b, 20ms, 10min);
    p.world.traffic(p.b, p.a, 20ms, 10min);
    p.world.run_until(10min + 10s);
    CHECK(p.there().lost() + p.back().lost() == 0);
    no_fault_inside(p);
    const auto copies = static_cast<double>(p.b.dropped(Drop::replayed));
    CHECK(copies > 0.8 * share * 30'000);
    CHECK(copies < 1.2 * share * 30'000);
  }
}

TEST_CASE("a packet that is overtaken by more than the window of 8128 is dropped, one less is not") {
  for (const std::uint64_t overtaking : {8127u, 8128u, 8129u}) {
    CAPTURE(overtaking);
    Pair p(1);
    p.connect();
    p.world.path(p.a, p.b).delay = 30s;
    p.world.send(p.a, p.b);
    const std::uint64_t held = p.there().sent() - 1;
    p.world.path(p.a, p.b).delay = kDelay;
    for (std::uint64_t i = 0; i < overtaking; ++i) p.world.send(p.a, p.b);
    p.world.run_for(31s);
    CHECK(p.there().was_delivered(held) == (overtaking <= 8128));
    CHECK(p.there().delivered() == p.there().sent() - (overtaking <= 8128 ? 0u : 1u));
  }
}

TEST_CASE("with loss, what is lost inside is what was lost outside") {
  for (const double loss : {0.01, 0.05, 0.2}) {
    for (const std::uint64_t seed : {1u, 2u, 3u}) {
      CAPTURE(loss);
      CAPTURE(seed);
      Pair p(seed);
      p.connect();
      p.world.paths(p.a, p.b,
                    {.delay = 50ms, .jitter = 20ms, .loss = loss, .duplication = 0.01, .reordering = 0.1, .late = 1s});
      p.world.traffic(p.a, p.b, 50ms, 1h);
      p.world.traffic(p.b, p.a, 50ms, 1h);
      p.world.run_until(1h + 10s);
      CHECK(p.there().lost() > 0);
      CHECK(p.there().lost() == p.from_a().lost_of(Kind::data));
      CHECK(p.back().lost() == p.from_b().lost_of(Kind::data));
      no_fault_inside(p);
      CHECK(p.from_a().least_gap >= kRetryAfter);
    }
  }
}

TEST_CASE("traffic one way alone is renewed by its sender, and by its receiver when that one made the session") {
  SUBCASE("the sender made it") {
    Pair p(1);
    p.world.traffic(p.a, p.b, 100ms, 1h);
    p.world.run_until(1h + 10s);
    CHECK(p.there().lost() == 0);
    CHECK(p.world.handshakes(p.a, p.b) >= 29);
    CHECK(p.world.handshakes(p.a, p.b) <= 31);
    CHECK(p.from_b().initiations.empty());
  }
  SUBCASE("the receiver made it") {
    Pair p(1);
    p.world.send(p.b, p.a);
    p.world.run_for(100ms);
    p.world.traffic(p.a, p.b, 100ms, 1h);
    p.world.run_until(1h + 10s);
    CHECK(p.there().lost() == 0);
    // B sends nothing but keepalives, every ten seconds; the first one after 120 s renews.
    CHECK(p.world.handshakes(p.a, p.b) >= 27);
    CHECK(p.world.handshakes(p.a, p.b) <= 31);
    CHECK(p.from_a().initiations.empty());
    for (std::size_t i = 1; i < p.from_b().initiations.size(); ++i) {
      const Duration life = p.from_b().initiations[i] - p.from_b().initiations[i - 1];
      CHECK(life >= kRekeyAfter);
      CHECK(life <= kRekeyAfter + kKeepaliveAfter + kRoundTrip + 200ms);
    }
  }
}

TEST_CASE("the initiator renews with the first packet that it sends from 120 s on, the responder never does") {
  Pair p(1);
  p.connect();
  const Time born = kRoundTrip;  // at A, which had the answer then
  p.world.run_until(born + kRekeyAfter - 1ns);
  p.world.send(p.a, p.b);
  p.world.send(p.b, p.a);
  CHECK(p.from_a().initiations.size() == 1);
  p.world.run_until(born + kRekeyAfter);
  p.world.send(p.b, p.a);
  CHECK(p.from_b().initiations.empty());
  p.world.send(p.a, p.b);
  CHECK(p.from_a().initiations.size() == 2);
}

TEST_CASE("an initiator that only receives renews from 165 s on, before its session ends at 180 s") {
  // B keeps still until then, because its data would be answered by a keepalive of A's, and that renews from 120 s on.
  for (const bool in_time : {false, true}) {
    CAPTURE(in_time);
    Pair p(1);
    p.connect();
    const Time born = kRoundTrip;
    p.world.run_until(born + 165s - kDelay - (in_time ? 0ns : 1ns));
    p.world.send(p.b, p.a);
    p.world.run_for(1s);
    CHECK(p.from_a().initiations.size() == (in_time ? 2 : 1));
    CHECK(p.back().lost() == 0);
  }
}
