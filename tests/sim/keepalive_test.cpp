// SPDX-License-Identifier: MIT
// When nothing is to be said, nothing is sent: the rules for keepalives, and for keys that nobody uses any more.
#include <doctest/doctest.h>

#include "pair.hpp"

using namespace culvert;
using namespace culvert::sim;

TEST_CASE("an idle pair sends nothing in an hour") {
  for (const std::uint64_t seed : seeds("idle", 5)) {
    CAPTURE(seed);
    Pair p(seed);
    p.connect();
    p.world.run_for(30s);
    const std::uint64_t before = p.from_a().total() + p.from_b().total();
    p.world.run_for(1h);
    CHECK(p.from_a().total() + p.from_b().total() == before);
    CHECK_FALSE(p.a.tunnel->next_deadline());
    CHECK_FALSE(p.b.tunnel->next_deadline());
  }
}

TEST_CASE("nodes that were introduced and never spoke send nothing at all") {
  Pair p(1);
  p.world.run_for(1h);
  CHECK(p.from_a().total() + p.from_b().total() == 0);
}

TEST_CASE("data is answered by one keepalive 10 s later, and a keepalive by nothing") {
  Pair p(1);
  p.world.send(p.a, p.b);
  p.world.run_for(1h);
  CHECK(p.from_a().of(Kind::keepalive) == 0);
  REQUIRE(p.from_b().keepalives.size() == 1);
  CHECK(p.from_b().keepalives[0] == kRoundTrip + kDelay + kKeepaliveAfter);
  CHECK(p.from_a().initiations.size() == 1);  // the keepalive came in time
}

TEST_CASE("the ten seconds count from the first data that nothing was sent for") {
  Pair p(1);
  p.world.traffic(p.a, p.b, 3s, 60s);
  p.world.run_for(50s);
  const auto& k = p.from_b().keepalives;
  REQUIRE(k.size() >= 3);
  CHECK(k[0] == 10s + kRoundTrip + kDelay);
  for (std::size_t i = 1; i < k.size(); ++i) {
    CHECK(k[i] - k[i - 1] > kKeepaliveAfter);
    CHECK(k[i] - k[i - 1] <= kKeepaliveAfter + 3s);
  }
}

TEST_CASE("data of its own saves the keepalive") {
  Pair p(1);
  p.world.traffic(p.a, p.b, 1s, 60s);
  p.world.traffic(p.b, p.a, 9s, 60s);
  p.world.run_for(60s);
  CHECK(p.from_a().of(Kind::keepalive) == 0);
  CHECK(p.from_b().of(Kind::keepalive) == 0);
}

TEST_CASE("a keepalive is not late because data was sent shortly before data came") {
  for (Duration pause = 100ms; pause < 9s; pause += 700ms) {
    CAPTURE(pause.count());
    Pair p(1);
    p.connect();
    p.world.run_for(60s);
    p.world.send(p.a, p.b);
    p.world.run_for(pause);
    const Time sent = p.world.now();
    p.world.send(p.b, p.a);
    p.world.run_for(60s);
    REQUIRE_FALSE(p.from_a().keepalives.empty());
    CHECK(p.from_a().keepalives.back() == sent + kDelay + kKeepaliveAfter);
    CHECK(p.from_a().initiations.size() + p.from_b().initiations.size() == 1);
  }
}

TEST_CASE("a new session is confirmed by a keepalive when no data waits") {
  // A packet that starts a handshake is the confirmation itself; a renewal asked for by a received packet is not.
  Pair p(1);
  p.connect();
  p.world.run_for(170s);
  p.world.send(p.b, p.a);
  p.world.run_for(1s);
  CHECK(p.from_a().initiations.size() == 2);
  CHECK(p.from_a().of(Kind::keepalive) == 1 + 1);  // the other one answered B's first packet
  p.world.run_for(20s);
  p.world.send(p.b, p.a);
  p.world.run_for(1s);
  CHECK(p.back().lost() == 0);
  CHECK(p.from_b().initiations.empty());
}

TEST_CASE("a persistent keepalive comes at its interval, and brings the tunnel up by itself") {
  Pair p(1, {.keepalive_of_a = 25s});
  p.world.run_for(1h);
  const auto& k = p.from_a().keepalives;
  CHECK(p.from_a().initiations.size() >= 20);  // a session for each two minutes, kept alive all the time
  CHECK(p.from_a().initiations.size() <= 31);
  CHECK(p.from_b().total() == p.from_b().of(Kind::response));  // keepalives are not answered
  Time last{};
  for (const Time at : k) {
    CHECK(at - last <= 25s + kRoundTrip);
    last = at;
  }
  CHECK(k.size() >= 3600 / 25);
  // Those beyond one each 25 s confirm new sessions.
  CHECK(k.size() <= 3600 / 25 + p.from_a().initiations.size());
}

TEST_CASE("traffic either way puts the persistent keepalive off") {
  for (const bool from_a : {true, false}) {
    CAPTURE(from_a);
    Pair p(1, {.keepalive_of_a = 25s});
    p.connect();
    const std::uint64_t before = p.from_a().of(Kind::keepalive);
    if (from_a)
      p.world.traffic(p.a, p.b, 4s, 100s);
    else
      p.world.traffic(p.b, p.a, 4s, 100s);
    p.world.run_until(99s);
    if (from_a) {
      CHECK(p.from_a().of(Kind::keepalive) == before);
    } else {  // passive ones alone, every ten to fourteen seconds
      CHECK(p.from_a().of(Kind::keepalive) >= before + 6);
      CHECK(p.from_a().of(Kind::keepalive) <= before + 9);
    }
    const Time last = from_a ? 96s + 1s : p.from_a().keepalives.back();
    p.world.run_until(200s);
    const auto& k = p.from_a().keepalives;
    const auto next = std::find_if(k.begin(), k.end(), [&](Time at) { return at > 101s; });
    REQUIRE(next != k.end());
    CHECK(*next - last >= 10s);
    CHECK(*next - last <= 36s);
  }
}

TEST_CASE("turning the persistent keepalive on sends one at once") {
  Pair p(1);
  p.connect();
  p.world.run_for(30s);
  const std::uint64_t before = p.from_a().of(Kind::keepalive);
  p.world.reconfigure(p.a, p.b, 25s);
  CHECK(p.from_a().of(Kind::keepalive) == before + 1);
  p.world.run_for(25s);
  CHECK(p.from_a().of(Kind::keepalive) == before + 2);
  p.world.reconfigure(p.a, p.b, 0s);
  p.world.run_for(1h);
  CHECK(p.from_a().of(Kind::keepalive) == before + 2);
}

TEST_CASE("a session carries nothing from 180 s on, in neither direction") {
  Pair p(1);
  p.connect();
  const Time born = kRoundTrip;  // at A; at B one way earlier
  std::vector<Datagram> late;
  p.world.run_until(born + 175s);
  p.world.cut(p.a, p.b);  // so that no new session can come
  p.world.tap = [&](const Datagram& d) {
    if (kind_of(d.octets) == Kind::data) late.push_back(d);
  };
  p.world.run_until(kDelay + 179'999ms);
  p.world.send(p.a, p.b);
  p.world.send(p.b, p.a);
  REQUIRE(late.size() == 2);
  p.world.replay(late[0]);  // at B within its 180 s
  CHECK(p.there().delivered() == p.there().sent());
  p.world.run_until(born + 180s);
  p.world.send(p.a, p.b);
  p.world.send(p.b, p.a);
  CHECK(late.size() == 2);  // both wait for a new session
  p.world.replay(late[1]);
  CHECK(p.back().delivered() == p.back().sent() - 2);
  CHECK(p.a.dropped(Drop::session_expired) == 1);
}

TEST_CASE("keys are wiped 540 s after the last session was made") {
  Pair p(1);
  p.world.traffic(p.a, p.b, 1s, 130s);
  Datagram last{};
  p.world.tap = [&](const Datagram& d) {
    if (kind_of(d.octets) == Kind::data) last = d;
  };
  p.world.run_until(200s);
  REQUIRE(p.from_a().initiations.size() == 2);
  const Time born = p.from_a().initiations[1] + kDelay;  // at B
  p.world.run_until(born + kWipeAfter - 1ms);
  p.world.replay(last);
  CHECK(p.b.dropped(Drop::session_expired) == 1);  // the session is there, and of no use
  CHECK(p.b.dropped(Drop::unknown_index) == 0);
  p.world.run_until(born + kWipeAfter);
  p.world.replay(last);
  CHECK(p.b.dropped(Drop::unknown_index) == 1);
  CHECK_FALSE(p.b.tunnel->next_deadline());
}

TEST_CASE("a handshake under way when the old keys are wiped goes on") {
  for (Duration before = 500ms; before < 12s; before += 500ms) {
    CAPTURE(before.count());
    Pair p(1);
    p.connect();
    p.world.run_until(kRoundTrip + kWipeAfter - before);
    p.world.cut(p.a, p.b);
    p.world.send(p.a, p.b);
    p.world.run_for(before + 100ms);
    p.world.mend(p.a, p.b);
    p.world.run_for(5400ms);
    CHECK(p.there().lost() == 0);
  }
}
