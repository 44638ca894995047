// SPDX-License-Identifier: MIT
// Both ends do the same thing at the same instant, for a day, and draw the same random numbers as well. Whoever relies
// on luck to tell them apart makes two handshakes where one would do, or fights for ever.
#include <doctest/doctest.h>

#include "pair.hpp"

using namespace culvert;
using namespace culvert::sim;

namespace {

struct Twins : Pair {
  Twins() : Twins(Introduction{}) {}
  explicit Twins(const Introduction& how) : Pair(1, how, std::uint64_t{42}) {}

  /// Lets hours pass, and looks at each.
  void run_hours(int hours, std::uint64_t most_handshakes) {
    for (int hour = 0; hour < hours; ++hour) {
      CAPTURE(hour);
      const std::uint64_t before = world.handshakes(a, b);
      world.run_for(1h);
      CHECK(world.handshakes(a, b) - before <= most_handshakes + (hour == 0 ? 1 : 0));
    }
    CHECK(from_a().least_gap >= kRetryAfter);
    CHECK(from_b().least_gap >= kRetryAfter);
    CHECK(world.duplicates() + world.wrong_deliveries() == 0);
  }
};

}  // namespace

TEST_CASE("two ends that send at the same instants for a day make at most 31 handshakes an hour and lose nothing") {
  for (const Duration delay : {0ms, 1ms, 150ms}) {
    CAPTURE(delay.count());
    Twins p;
    p.world.paths(p.a, p.b, {.delay = delay});
    p.world.traffic(p.a, p.b, 1s, 24h);
    p.world.traffic(p.b, p.a, 1s, 24h);
    p.run_hours(24, 31);
    p.world.run_for(1s);
    CHECK(p.there().lost() + p.back().lost() == 0);
    CHECK(p.world.handshakes(p.a, p.b) >= 24 * 29);
  }
}

TEST_CASE("once two initiations crossed, one side renews and the other does not") {
  Twins p;
  p.world.traffic(p.a, p.b, 1s, 2h);
  p.world.traffic(p.b, p.a, 1s, 2h);
  p.world.run_for(1h);
  CHECK(std::min(p.from_a().initiations.size(), p.from_b().initiations.size()) == 1);
  CHECK(std::max(p.from_a().initiations.size(), p.from_b().initiations.size()) >= 29);
}

TEST_CASE("crossing renewals on a slow path that reorders lose nothing") {
  // Sessions of both ends' making, as two crossing initiations with old software or an unlucky restart would leave
  // them.
  for (const std::uint64_t seed : seeds("crossing", 40)) {
    CAPTURE(seed);
    Pair p(seed);
    p.world.paths(p.a, p.b, {.delay = 100ms, .jitter = 100ms, .reordering = 0.2, .late = 800ms});
    p.world.traffic(p.a, p.b, 20ms, 300s);
    p.world.run_for(Duration(seed * 7ms));
    p.world.traffic(p.b, p.a, 20ms, 300s);
    p.world.run_for(310s);
    CHECK(p.there().lost() + p.back().lost() == 0);
    CHECK(p.world.handshakes(p.a, p.b) <= 4);
    CHECK(p.world.duplicates() == 0);
  }
}

TEST_CASE("a crossing that only one side can see leaves neither deaf") {
  for (const bool a_is_slow : {true, false}) {
    CAPTURE(a_is_slow);
    Pair p(1);
    Node& fast = a_is_slow ? p.b : p.a;
    Node& slow = a_is_slow ? p.a : p.b;
    p.world.path(slow, fast).delay = 1s;
    p.exchange();
    p.world.path(slow, fast).delay = kDelay;
    p.world.run_for(30ms);
    // The fast one's initiation was answered. Its first data lingers, and meanwhile the slow one's initiation comes.
    p.world.path(fast, slow).delay = 3s;
    p.world.run_for(500ms);
    p.world.path(fast, slow).delay = kDelay;
    p.world.run_for(600ms);
    p.world.traffic(p.a, p.b, 100ms, 20s);
    p.world.traffic(p.b, p.a, 100ms, 20s);
    p.world.run_for(30s);
    CHECK(p.from_a().initiations.size() == 1);
    CHECK(p.from_b().initiations.size() == 1);
    CHECK(p.there().lost() + p.back().lost() == 0);
  }
}

TEST_CASE("two ends that keep alive at the same instants for a day make at most 31 handshakes an hour") {
  Twins p({.keepalive_of_a = 25s, .keepalive_of_b = 25s});
  p.run_hours(24, 31);
  CHECK(p.world.handshakes(p.a, p.b) >= 24 * 20);
}

TEST_CASE("two ends that wake up at the same instant after each pause need one round trip") {
  for (const Duration pause : {100s, 130s, 170s, 181s, 200s, 600s}) {
    CAPTURE(pause.count());
    Twins p;
    for (int i = 0; i < 50; ++i) {
      const Time now = p.world.now();
      p.world.send(p.a, p.b);
      p.world.send(p.b, p.a);
      p.world.run_for(pause);
      const auto there = p.there().first_delivery(now), back = p.back().first_delivery(now);
      REQUIRE(there);
      REQUIRE(back);
      CHECK(*there - now <= kRoundTrip + kDelay);
      CHECK(*back - now <= kRoundTrip + kDelay);
    }
    CHECK(p.world.handshakes(p.a, p.b) <= 2 * 50);
    CHECK(p.from_a().least_gap >= kRetryAfter);
    CHECK(p.from_b().least_gap >= kRetryAfter);
  }
}

TEST_CASE("a lossy day in lock-step: initiations of one node are never closer than 5 s") {
  Twins p;
  p.world.paths(p.a, p.b, {.delay = 50ms, .jitter = 20ms, .loss = 0.1});
  p.world.traffic(p.a, p.b, 1s, 24h);
  p.world.traffic(p.b, p.a, 1s, 24h);
  p.run_hours(24, 50);  // some are lost and made again
  CHECK(p.there().lost() == p.from_a().lost_of(Kind::data));
  CHECK(p.back().lost() == p.from_b().lost_of(Kind::data));
}

TEST_CASE("a link that flaps causes no storm of handshakes") {
  struct Flap {
    Duration up, down, in_all;
  };
  for (const Flap& flap : {Flap{1s, 1s, 1h}, Flap{30s, 30s, 4h}}) {
    CAPTURE(flap.up.count());
    Twins p;
    p.world.traffic(p.a, p.b, 200ms, flap.in_all);
    p.world.traffic(p.b, p.a, 200ms, flap.in_all);
    while (p.world.now() < flap.in_all) {
      p.world.run_for(flap.up);
      p.world.cut(p.a, p.b);
      p.world.run_for(flap.down);
      p.world.mend(p.a, p.b);
    }
    CHECK(p.from_a().least_gap >= kRetryAfter);
    CHECK(p.from_b().least_gap >= kRetryAfter);
    p.world.run_for(1s);
    CHECK(p.there().lost() == p.from_a().lost_of(Kind::data));
    CHECK(p.back().lost() == p.from_b().lost_of(Kind::data));
    // A flap of a second is over before anybody notices; one of half a minute costs a handshake each time, or two.
    const auto hours = static_cast<std::uint64_t>(flap.in_all / 1h);
    CHECK(p.world.handshakes(p.a, p.b) <= hours * (flap.up == 1s ? 62 : 120));
  }
}
