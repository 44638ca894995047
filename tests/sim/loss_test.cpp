// SPDX-License-Identifier: MIT
// Bad paths of every kind on the virtual clock: the tunnel loses exactly what the path loses, delivers nothing twice,
// and comes about as soon as the protocol's retries allow.
#include <doctest/doctest.h>

#include <string>

#include "pair.hpp"

using namespace culvert;
using namespace culvert::sim;

namespace {

/// What one direction has lost since an instant, inside and outside.
class Balance {
 public:
  Balance(World& world, Node& from, Node& to) : flow_(world.flow(from, to)), wire_(world.wire(from, to)) {
    sent_ = flow_.sent();
    lost_inside_ = flow_.lost();
    lost_outside_ = wire_.lost_of(Kind::data);
  }
  [[nodiscard]] std::uint64_t sent() const { return flow_.sent() - sent_; }
  [[nodiscard]] std::uint64_t lost_inside() const { return flow_.lost() - lost_inside_; }
  [[nodiscard]] std::uint64_t lost_outside() const { return wire_.lost_of(Kind::data) - lost_outside_; }

 private:
  Flow& flow_;
  Wire& wire_;
  std::uint64_t sent_, lost_inside_, lost_outside_;
};

/// Sends until each has heard the other. A alone begins: when both call at once each may drop a session that the other
/// still uses, as the protocol has it.
void connect_over(Pair& p) {
  for (int tries = 0; tries < 600 && p.there().delivered() == 0; ++tries) {
    p.world.send(p.a, p.b);
    p.world.run_for(200ms);
  }
  for (int tries = 0; tries < 600 && p.back().delivered() == 0; ++tries) {
    p.exchange();
    p.world.run_for(200ms);
  }
  p.world.run_for(2s);  // whatever is late arrives
  REQUIRE(p.there().delivered() > 0);
  REQUIRE(p.back().delivered() > 0);
}

/// Numbered packets both ways for so long, in bad weather; then the books of both directions must agree.
void expect_no_loss_of_its_own(Pair& p, Duration period, Duration how_long) {
  connect_over(p);
  const Balance there(p.world, p.a, p.b);
  const Balance back(p.world, p.b, p.a);
  const Time end = p.world.now() + how_long;
  p.world.traffic(p.a, p.b, period, end);
  p.world.traffic(p.b, p.a, period, end);
  p.world.run_until(end + 2s);
  for (const Balance* balance : {&there, &back}) {
    CHECK(balance->sent() >= static_cast<std::uint64_t>(how_long / period) - 1);
    CHECK(balance->lost_outside() > 0);
    CHECK(balance->lost_inside() == balance->lost_outside());
  }
  CHECK(p.world.duplicates() == 0);
  CHECK(p.world.wrong_deliveries() == 0);
}

struct Weather {
  const char* name;
  void (*put)(Conditions&);
};

constexpr Weather kWeathers[] = {
    {"steady", [](Conditions&) {}},
    {"jitter", [](Conditions& c) { c.jitter = 30ms; }},
    {"25 % overtaken", [](Conditions& c) { c.reordering = 0.25, c.late = 25ms; }},
    {"all with 1 % doubled",
     [](Conditions& c) { c.jitter = 10ms, c.reordering = 0.25, c.late = 25ms, c.duplication = 0.01; }},
};

}  // namespace

TEST_CASE("60 paths of 1 to 20 % loss: the tunnel adds no loss of its own, and nothing comes twice") {
  std::uint64_t cell = 0;
  for (const double loss : {0.01, 0.02, 0.05, 0.1, 0.2})
    for (const Duration delay : {Duration(0ms), Duration(20ms), Duration(100ms)})
      for (const Weather& weather : kWeathers) {
        const std::string name = std::to_string(loss) + " lost, " + weather.name;
        CAPTURE(name);
        Pair p(++cell);
        Conditions conditions{.delay = delay, .loss = loss};
        weather.put(conditions);
        p.world.paths(p.a, p.b, conditions);
        expect_no_loss_of_its_own(p, 3ms, 6s);
      }
  CHECK(cell == 60);
}

TEST_CASE("20 % loss over five renewals of the session: still none of the tunnel's own") {
  for (const std::uint64_t seed : seeds("lossy renewals", 3)) {
    CAPTURE(seed);
    Pair p(seed);
    p.world.paths(p.a, p.b, {.delay = 20ms, .jitter = 20ms, .loss = 0.2, .duplication = 0.01});
    expect_no_loss_of_its_own(p, 20ms, 5 * kRekeyAfter + 60s);
    CHECK(p.world.handshakes(p.a, p.b) >= 6);
  }
}

// A try succeeds when initiation and response both arrive: 0.64. Tries are 5 s and up to a third apart, so seven are
// over by 32 s, and one handshake in 1,280 needs more: 1.6 of 2,000, give or take 1.25.
TEST_CASE("at 20 % loss as many of 2,000 handshakes are done within 35 s as seven tries allow") {
  constexpr std::uint64_t kTries = 2000;
  std::uint64_t late = 0, at_once = 0;
  for (std::uint64_t seed = 1; seed <= kTries; ++seed) {  // always the same, or the bound would be a matter of luck
    Pair p(seed);
    p.world.paths(p.a, p.b, {.delay = 20ms, .loss = 0.2});
    std::optional<Time> done;
    p.world.tap = [&](const Datagram& d) {
      const Kind kind = kind_of(d.octets);
      if (!done && d.from == World::seen(p.a) && (kind == Kind::data || kind == Kind::keepalive)) done = p.world.now();
    };
    p.world.send(p.a, p.b);
    for (int i = 0; i < 90 && !done; ++i) p.world.run_for(1s);
    REQUIRE(done);
    if (*done > 35s) ++late;
    if (*done < 1s) ++at_once;
  }
  MESSAGE(late, " of ", kTries, " took more than 35 s");
  CHECK(late <= 5);  // three deviations above the mean
  // Of the first tries 64 % succeed: else the network is better than it says, and the bound proves nothing.
  CHECK(at_once > kTries * 60 / 100);
  CHECK(at_once < kTries * 68 / 100);
}
