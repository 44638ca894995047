// SPDX-License-Identifier: MIT
// How long until traffic flows again. Each bound follows from the protocol's constants and the round trip of 40 ms, and
// each is tried at many moments, since what matters is where in a timer's life the fault falls.
#include <doctest/doctest.h>

#include "pair.hpp"

using namespace culvert;
using namespace culvert::sim;

TEST_CASE("a link that is restored while a handshake is retried carries data within 5.4 s") {
  Duration worst{};
  for (const std::uint64_t seed : seeds("restored link", 20)) {
    CAPTURE(seed);
    for (Duration after = 1s; after < 12s; after += 900ms) {
      Pair p(seed);
      p.world.cut(p.a, p.b);
      p.world.traffic(p.a, p.b, 100ms, 60s);
      p.world.run_for(20s + after);
      const Time restored = p.world.now();
      p.world.mend(p.a, p.b);
      p.world.run_for(10s);
      const auto at = p.there().first_arrival(restored);
      REQUIRE(at);
      worst = std::max(worst, *at - restored);
    }
  }
  // 5 s and up to 333 ms to the next try; initiation, response and data travel 20 ms each.
  CHECK(worst <= kRetryAfter + kMostJitter + 3 * kDelay);
  CHECK(worst <= 5400ms);
  CHECK(worst > 5s);  // else the moments were not chosen to hurt
}

TEST_CASE("the other side of a restarted peer notices by itself within 15.4 s when it alone sends") {
  Duration worst{};
  for (const std::uint64_t seed : seeds("restarted peer", 20)) {
    CAPTURE(seed);
    for (Duration age = 1s; age < 100s; age += 11s) {
      Pair p(seed);
      p.world.paths(p.a, p.b, {.delay = 10ms});
      p.connect();
      p.world.traffic(p.a, p.b, 1s, age);
      p.world.run_for(age);
      p.world.traffic(p.a, p.b, 10ms, 200s);
      p.world.run_for(350ms);
      p.world.send(p.b, p.a);  // the last that A hears, just before
      p.world.run_for(10ms);
      p.world.restart(p.b);
      const Time restarted = p.world.now();
      p.world.run_for(16s);
      worst = std::max(worst, p.until_there(restarted));
    }
  }
  // 10 ms to the first packet that is lost, 15 s of silence and up to 333 ms, then three times one way.
  CHECK(worst <= 10ms + 15s + kMostJitter + 3 * 10ms + 10ms);
  CHECK(worst <= 15400ms);
  CHECK(worst > 15s);
}

TEST_CASE("silence is counted from the first packet that nobody answered: 15 s and at most 333 ms") {
  for (const std::uint64_t seed : seeds("silence", 20)) {
    CAPTURE(seed);
    Pair p(seed);
    p.connect();
    p.world.run_for(30s);
    p.world.restart(p.b);
    const Time first = p.world.now();
    p.world.traffic(p.a, p.b, 1s, first + 20s);
    p.world.run_for(20s);
    REQUIRE(p.from_a().initiations.size() == 2);
    const Duration waited = p.from_a().initiations[1] - first;
    CHECK(waited >= 15s);
    CHECK(waited <= 15s + kMostJitter);
  }
}

TEST_CASE("a restarted peer that sends first has its data on the way after one round trip") {
  for (const std::uint64_t seed : seeds("restarted sender", 20)) {
    CAPTURE(seed);
    Pair p(seed);
    p.connect();
    p.world.traffic(p.b, p.a, 100ms, 400s);
    p.world.run_for(static_cast<int>(seed) * 7s);
    p.world.restart(p.a);
    const Time restarted = p.world.now();
    Time left{};
    p.world.tap = [&](const Datagram& d) {
      if (left == Time{} && d.from == p.a.here && kind_of(d.octets) == Kind::data) left = p.world.now();
    };
    p.world.send(p.a, p.b);
    p.world.run_for(2s);
    CHECK(left - restarted == kRoundTrip);
    CHECK(p.until_there(restarted) == kRoundTrip + kDelay);
    // The other direction is alive again as well, and nothing of it was lost but what a had no key for.
    CHECK(p.back().first_delivery(restarted));
  }
}

TEST_CASE("after the limit of 90 s nothing is tried, and the next packet restarts the handshake at once") {
  for (const std::uint64_t seed : seeds("limit", 10)) {
    CAPTURE(seed);
    Pair p(seed);
    p.world.cut(p.a, p.b);
    p.world.send(p.a, p.b);
    p.world.run_for(300s);
    const auto& tries = p.from_a().initiations;
    CHECK(tries.size() == 19);  // one, and 18 retries
    CHECK(tries.back() >= kGiveUpAfter);
    CHECK(tries.back() <= kGiveUpAfter + 18 * kMostJitter);
    CHECK_FALSE(p.a.tunnel->next_deadline());

    p.world.mend(p.a, p.b);
    p.world.run_for(60s);
    CHECK(p.there().delivered() == 0);  // nobody tried, and the packet that waited is gone
    const Time again = p.world.now();
    p.world.send(p.a, p.b);
    p.world.run_for(1s);
    CHECK(p.until_there(again) == kRoundTrip + kDelay);
    CHECK(p.there().delivered() == 1);
  }
}

TEST_CASE("a packet that is sent while a handshake is retried grants it another 90 s") {
  Pair p(1);
  p.world.cut(p.a, p.b);
  p.world.send(p.a, p.b);
  p.world.run_for(80s);
  p.world.send(p.a, p.b);
  p.world.run_for(300s);
  CHECK(p.from_a().initiations.back() >= 80s + kGiveUpAfter - kRetryAfter - kMostJitter);
  CHECK(p.from_a().initiations.back() <= 80s + kGiveUpAfter + 18 * kMostJitter);
}

TEST_CASE("a path that fails one way only is back within the bound of a retry once it is whole") {
  for (const std::uint64_t seed : seeds("one-way cut", 20)) {
    CAPTURE(seed);
    for (const bool towards_a : {false, true}) {
      CAPTURE(towards_a);
      Pair p(seed);
      p.connect();
      p.world.traffic(p.a, p.b, 100ms, 300s);
      p.world.traffic(p.b, p.a, 100ms, 300s);
      p.world.run_for(static_cast<int>(seed) * 9s);
      (towards_a ? p.world.path(p.b, p.a) : p.world.path(p.a, p.b)).cut = true;
      p.world.run_for(60s);
      p.world.mend(p.a, p.b);
      const Time mended = p.world.now();
      p.world.run_for(20s);
      CHECK(p.until_there(mended) <= 5400ms);
      REQUIRE(p.back().first_delivery(mended));
      CHECK(*p.back().first_delivery(mended) - mended <= 5400ms);
    }
  }
}
