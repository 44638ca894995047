// SPDX-License-Identifier: MIT
// Clocks on the wall are set, machines are suspended. Ages are counted by the clock that goes on during suspend; the
// one on the wall is good for nothing but the stamps of initiations, which must rise.
#include <doctest/doctest.h>

#include "pair.hpp"

using namespace culvert;
using namespace culvert::sim;

namespace {

constexpr std::chrono::seconds kYear = std::chrono::hours(24 * 365);

void quiet_hour(Pair& p) {
  const std::uint64_t handshakes = p.world.handshakes(p.a, p.b);
  p.world.traffic(p.a, p.b, 200ms, p.world.now() + 1h);
  p.world.traffic(p.b, p.a, 200ms, p.world.now() + 1h);
  p.world.run_for(1h + 1s);
  CHECK(p.there().lost() + p.back().lost() == 0);
  CHECK(p.world.handshakes(p.a, p.b) - handshakes <= 31);
  CHECK(p.world.handshakes(p.a, p.b) - handshakes >= 28);
}

}  // namespace

TEST_CASE("a step of the clock disturbs no session, and renewals are accepted after it") {
  for (const std::chrono::seconds step : {-3600s, 3600s, -50 * kYear, 50 * kYear}) {
    for (const int who : {0, 1, 2}) {  // a, b, both
      CAPTURE(step.count());
      CAPTURE(who);
      Pair p(1);
      p.connect();
      p.world.run_for(10s);
      if (who != 1) p.a.wall_shift += step;
      if (who != 0) p.b.wall_shift += step;
      quiet_hour(p);
      // And back again, which is a step backwards for those that went forwards.
      p.a.wall_shift = p.b.wall_shift = 0s;
      quiet_hour(p);
      // Both are able to begin.
      p.world.run_for(300s);
      p.world.send(p.b, p.a);
      p.world.run_for(1s);
      CHECK(p.back().lost() == 0);
    }
  }
}

TEST_CASE("a clock that stands still, or jumps to and fro, still yields stamps that rise") {
  SUBCASE("stands still") {
    Pair p(1);
    p.a.wall_stopped = p.a.clocks(0s).wall;
    quiet_hour(p);
  }
  SUBCASE("stands still at the beginning of time") {
    Pair p(1);
    p.a.wall_stopped = UnixTime{};
    quiet_hour(p);
  }
  SUBCASE("jumps") {
    Pair p(1);
    for (int i = 0; i < 360; ++i)
      p.world.at(i * 10s, [&p] {
        p.a.wall_shift = std::chrono::seconds(static_cast<int>(p.world.rng().below(2'000'000)) - 1'000'000);
      });
    quiet_hour(p);
  }
}

TEST_CASE("who restarts with an older clock is refused until it is past the last stamp, or its peer restarts as well") {
  Pair p(1);
  p.world.send(p.a, p.b);  // b has nothing to say, else it would call a when a falls silent
  p.world.run_for(1s);
  p.a.wall_shift = -60s;
  p.world.restart(p.a);
  p.world.traffic(p.a, p.b, 1s, 300s);
  p.world.run_until(50s);
  CHECK(p.b.dropped(Drop::old_timestamp) >= 5);
  CHECK(p.there().delivered() == 1);
  p.world.run_until(80s);
  CHECK(p.there().delivered() > 1);

  Pair q(2);
  q.connect();
  q.a.wall_shift = -50 * kYear;
  q.world.restart(q.a);
  q.world.restart(q.b);
  q.world.send(q.a, q.b);
  q.world.run_for(1s);
  CHECK(q.there().delivered() == 2);
}

TEST_CASE("after a suspend the old keys are gone, and the first packet makes a handshake of one round trip") {
  enum class Asleep { a, b, both };
  for (const Duration pause : {Duration(10min), Duration(10h)}) {
    for (const Asleep who : {Asleep::a, Asleep::b, Asleep::both}) {
      for (const Duration wait :
           {Duration(0ms), Duration(1ms), Duration(3s)}) {  // the packet comes before, or after the timers have run
        CAPTURE(pause.count());
        CAPTURE(static_cast<int>(who));
        CAPTURE(wait.count());
        Pair p(1);
        std::optional<Datagram> recorded;
        p.world.tap = [&](const Datagram& d) {
          if (kind_of(d.octets) == Kind::data && d.to == p.a.here) recorded = d;
        };
        p.connect();
        p.world.run_for(60s);
        p.exchange();  // each owes the other a keepalive when the lights go out
        p.world.run_for(30ms);
        p.world.tap = {};
        const std::uint64_t handshakes = p.world.handshakes(p.a, p.b);
        if (who != Asleep::b) p.world.sleep(p.a, pause);
        if (who != Asleep::a) p.world.sleep(p.b, pause);
        p.world.run_for(pause + wait);
        p.world.replay(*recorded);
        if (wait > 0ms) CHECK(p.a.dropped(Drop::unknown_index) == 1);
        const Time now = p.world.now();
        p.world.send(p.a, p.b);
        p.world.run_for(1s);
        CHECK(p.until_there(now) == kRoundTrip + kDelay);
        CHECK(p.world.handshakes(p.a, p.b) == handshakes + 1);
        p.world.send(p.b, p.a);
        p.world.run_for(1s);
        CHECK(p.back().lost() == 0);
      }
    }
  }
}

TEST_CASE("nobody speaks on waking up who has nothing to say") {
  for (const Duration pause : {Duration(10min), Duration(10h)}) {
    CAPTURE(pause.count());
    Pair p(1);
    p.connect();
    p.world.run_for(60s);
    p.exchange();
    p.world.run_for(30ms);
    p.world.sleep(p.a, pause);
    p.world.sleep(p.b, pause);
    const std::uint64_t before = p.from_a().total() + p.from_b().total();
    p.world.run_for(pause + 1h);
    CHECK(p.from_a().total() + p.from_b().total() == before);
  }
}

TEST_CASE("a short suspend costs nothing: the session is used again") {
  Pair p(1);
  p.connect();
  p.world.run_for(20s);  // neither owes the other anything
  p.world.sleep(p.a, 60s);
  p.world.run_for(61s);
  p.exchange();
  p.world.run_for(1s);
  CHECK(p.there().lost() + p.back().lost() == 0);
  CHECK(p.world.handshakes(p.a, p.b) == 1);
}
