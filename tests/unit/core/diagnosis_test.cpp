// SPDX-License-Identifier: MIT
// Two devices talk, something is wrong on purpose, and each end's diagnosis must name it.
#include "diagnosis.hpp"

#include <doctest/doctest.h>

#include "node.hpp"

using namespace culvert;
using namespace culvert::test;
using namespace std::chrono_literals;

namespace {

/// A pair whose events go to a diagnosis at either end, as the engine does it.
struct Watched {
  Pair pair;
  Diagnosis a, b;

  Step at_a(Step step) { return take(std::move(step), pair.a, a); }
  Step at_b(Step step) { return take(std::move(step), pair.b, b); }
  /// a has a packet for b: all that follows, both ways.
  void call() { exchange(at_a(pair.a.from_inside(Pair::to_b()))); }
  void exchange(Step from_a) {
    while (!from_a.outside.empty()) from_a = at_a(pair.hand_to_a(at_b(pair.hand_to_b(from_a))));
  }
  /// Everything that is due at a until `until`, all of it lost on the way.
  void retry_in_vain(Duration until) {
    const Instant end = pair.clock.mono() + until;
    while (pair.a.device.next_deadline() && *pair.a.device.next_deadline() <= end) {
      pair.a.sleep();
      (void)at_a(pair.a.timers());
    }
    pair.clock.advance_to(end);
  }

  [[nodiscard]] PeerVerdict verdict_at_a() const {
    return judge(pair.a.peer(pair.b_of_a), a.of(pair.b_of_a), Link::up, pair.clock.mono());
  }
  [[nodiscard]] PeerVerdict verdict_at_b() const {
    return judge(pair.b.peer(pair.a_of_b), b.of(pair.a_of_b), Link::up, pair.clock.mono());
  }

 private:
  Step take(Step step, Node& node, Diagnosis& diagnosis) {
    for (Event& event : step.events)
      diagnosis.take(pair.clock.now(), event, event.peer ? node.device.peer(*event.peer) : nullptr);
    return step;
  }
};

std::optional<Problem> cause(const PeerVerdict& verdict) {
  return verdict.cause == nullptr ? std::nullopt : std::optional(verdict.cause->problem);
}

Event last_of(const Step& step, Event::Kind kind) {
  Event found;
  for (const Event& event : step.events)
    if (event.kind == kind) found = event;
  REQUIRE(found.kind == kind);
  return found;
}

}  // namespace

TEST_CASE("a peer that nobody has called or heard is never connected, and one with a session is up") {
  Watched w;
  CHECK(w.verdict_at_a().state == PeerState::never_connected);
  CHECK(w.verdict_at_b().state == PeerState::never_connected);
  w.call();
  CHECK(w.verdict_at_a().state == PeerState::up);
  CHECK(w.verdict_at_b().state == PeerState::up);
  CHECK(w.verdict_at_a().cause == nullptr);
  CHECK(w.a.of(w.pair.b_of_a)->responses_received == 1);
}

TEST_CASE(
    "without any answer the initiator waits, counts its tries, and names silence as the reason when it gives up") {
  Watched w;
  (void)w.at_a(w.pair.a.from_inside(Pair::to_b()));
  CHECK(w.verdict_at_a().state == PeerState::waiting);
  CHECK(w.verdict_at_a().tries == 1);
  CHECK(w.verdict_at_a().cause == nullptr);
  w.retry_in_vain(11s);
  CHECK(w.verdict_at_a().state == PeerState::waiting);
  CHECK(w.verdict_at_a().tries == 3);
  CHECK(cause(w.verdict_at_a()) == Problem::no_answer);
  Event gave_up;
  while (gave_up.kind != Event::Kind::gave_up) {
    REQUIRE(w.pair.a.sleep());
    const Step step = w.at_a(w.pair.a.timers());
    if (step.count(Event::Kind::gave_up) != 0) gave_up = last_of(step, Event::Kind::gave_up);
  }
  CHECK(gave_up.problem == Problem::no_answer);
  CHECK(w.verdict_at_a().state == PeerState::never_connected);
}

TEST_CASE(
    "different preshared keys: the initiator sees answers that do not authenticate, the responder no confirmation") {
  Watched w;
  w.pair.b.device.set_preshared_key(w.pair.a_of_b, preshared(std::string(64, '7')));
  w.call();
  CHECK(w.verdict_at_a().state == PeerState::blocked);
  CHECK(cause(w.verdict_at_a()) == Problem::bad_answer);
  CHECK(w.verdict_at_a().cause->address == w.pair.at_b.address);
  CHECK(w.verdict_at_b().state == PeerState::waiting);
  w.pair.clock.advance(6s);
  w.exchange(w.at_a(w.pair.a.timers()));
  CHECK(w.verdict_at_b().state == PeerState::blocked);
  CHECK(cause(w.verdict_at_b()) == Problem::never_confirmed);
  // The keys are made equal: nothing is left of it but the record.
  w.pair.a.device.set_preshared_key(w.pair.b_of_a, preshared(std::string(64, '7')));
  w.pair.clock.advance(6s);
  w.exchange(w.at_a(w.pair.a.timers()));
  CHECK(w.verdict_at_a().state == PeerState::up);
  CHECK(w.verdict_at_b().state == PeerState::up);
  CHECK(w.a.of(w.pair.b_of_a)->problems.latest()->problem == Problem::bad_answer);
}

TEST_CASE("a caller whose clock went back is refused for its timestamp, by name") {
  Watched w;
  w.call();
  Caller caller(kInitiatorPrivate, kResponderPublic);
  const auto call = caller.call(w.pair.clock.mono(), {1'600'000'000, 0});
  const Step step = w.at_b(w.pair.b.from_outside(octets_of(call.message), w.pair.at_a));
  const Event event = last_of(step, Event::Kind::refused);
  CHECK(event.drop == Drop::old_timestamp);
  CHECK(event.peer == w.pair.a_of_b);
  CHECK(event.problem == Problem::old_timestamp);
  CHECK(event.news);
  CHECK(w.b.of(w.pair.a_of_b)->problems.of(Problem::old_timestamp)->count == 1);
}

TEST_CASE("an unknown public key is shown, and forgotten as a stranger's once it is a peer's") {
  Watched w;
  Caller caller("a8abababababababababababababababababababababababababababababab6b", kResponderPublic);
  const auto call = caller.call(w.pair.clock.mono(), w.pair.clock.now().wall);
  (void)w.at_b(w.pair.b.from_outside(octets_of(call.message), endpoint("203.0.113.9:999")));
  const auto keys = w.b.strangers().keys();
  REQUIRE(keys.size() == 1);
  CHECK(keys[0].key == caller.self.public_key);
  CHECK(to_string(keys[0].last_from) == "203.0.113.9:999");
  CHECK(w.b.strangers().networks().size() == 1);
  w.b.peer_added(caller.self.public_key);
  CHECK(w.b.strangers().keys().empty());
}

TEST_CASE("an ICMP message, or a firewall, explains the silence; only the first of its kind is news") {
  Watched w;
  (void)w.at_a(w.pair.a.from_inside(Pair::to_b()));
  const auto router = parse_address("192.0.2.254");
  const auto first = w.a.note(w.pair.clock.now(), w.pair.b_of_a, Problem::unreachable, router);
  REQUIRE(first);
  CHECK(first->kind == Event::Kind::problem);
  CHECK(first->problem == Problem::unreachable);
  CHECK_FALSE(w.a.note(w.pair.clock.now(), w.pair.b_of_a, Problem::unreachable, router));
  w.retry_in_vain(6s);
  CHECK(w.verdict_at_a().state == PeerState::blocked);
  CHECK(cause(w.verdict_at_a()) == Problem::unreachable);
  CHECK(w.verdict_at_a().cause->address == router);
  (void)w.a.note(w.pair.clock.now(), w.pair.b_of_a, Problem::blocked_by_firewall);
  CHECK(cause(w.verdict_at_a()) == Problem::blocked_by_firewall);
  // Long after, it explains nothing any more.
  w.pair.clock.advance(200s);
  CHECK(w.verdict_at_a().cause == nullptr);
}

TEST_CASE("a peer that goes silent is told as silent, and as lost when its endpoint was learned from its packets") {
  Watched w;
  w.call();
  w.exchange(w.at_b(w.pair.b.from_inside(Pair::to_a())));
  (void)w.at_a(w.pair.a.from_inside(Pair::to_b()));
  w.retry_in_vain(16s);
  CHECK(w.verdict_at_a().state == PeerState::silent);
  REQUIRE(w.verdict_at_a().silent_for);
  CHECK(*w.verdict_at_a().silent_for >= 16s);

  (void)w.at_b(w.pair.b.from_inside(Pair::to_a()));
  Step stop;
  while (stop.count(Event::Kind::initiation_retried) == 0) {
    REQUIRE(w.pair.b.sleep());
    stop = w.at_b(w.pair.b.timers());
  }
  CHECK(w.b.of(w.pair.a_of_b)->origin == EndpointOrigin::handshake);
  CHECK(w.verdict_at_b().state == PeerState::blocked);
  CHECK(cause(w.verdict_at_b()) == Problem::answers_no_more);
}

TEST_CASE("data that is never answered while handshakes are points at packets that are too big for the path") {
  Watched w;
  w.call();
  for (int round = 0; round < 2; ++round) {
    (void)w.at_a(w.pair.a.from_inside(Pair::to_b(1300)));  // lost
    Step step;
    while (step.count(Event::Kind::stopped_hearing) == 0) {
      REQUIRE(w.pair.a.sleep());
      step = w.at_a(w.pair.a.timers());
    }
    w.exchange(step);
    const bool told = w.a.of(w.pair.b_of_a)->problems.of(Problem::data_unanswered) != nullptr;
    CHECK(told == (round == 1));
  }
  CHECK(w.verdict_at_a().state == PeerState::up);
}

TEST_CASE("a drop of a lane is noted for its peer, and the last destination without one is kept") {
  Watched w;
  const auto source = parse_address("10.9.9.9");
  CHECK(w.a.dropped(w.pair.clock.now(), {Drop::source_not_allowed, w.pair.b_of_a, source}));
  CHECK(w.a.of(w.pair.b_of_a)->problems.of(Problem::source_not_allowed)->address == source);
  CHECK_FALSE(w.a.dropped(w.pair.clock.now(), {Drop::no_peer_for_destination, std::nullopt, source}));
  REQUIRE(w.a.last_drops().size() == 2);
  CHECK(w.a.last_drops()[1].drop == Drop::no_peer_for_destination);
  CHECK(w.a.last_drops()[1].address == source);
}

TEST_CASE("that a peer was blocked explains nothing once it is let in") {
  Watched w;
  const PeerId id = w.pair.b_of_a;
  const auto block = [&](Blocked why) {
    w.pair.a.tell([&](Device& d, Actions& a) { d.set_blocked(w.pair.clock.now(), id, why, a); });
  };
  for (const Blocked why : {Blocked::disabled, Blocked::expired}) {
    block(why);
    (void)w.a.dropped(w.pair.clock.now(), report::Dropped{reason_of(why), id, std::nullopt});
    CHECK(cause(w.verdict_at_a()) == problem_of(reason_of(why)));
    block(Blocked::no);
    w.a.let_in(id);
    CHECK(w.verdict_at_a().cause == nullptr);
  }
  w.a.let_in(w.pair.a_of_b);  // nothing was noted
}

TEST_CASE("a peer that gets the slot of another inherits nothing") {
  Watched w;
  (void)w.a.note(w.pair.clock.now(), w.pair.b_of_a, Problem::unreachable);
  const PeerId next{w.pair.b_of_a.slot, w.pair.b_of_a.generation + 7};
  CHECK(w.a.of(next) == nullptr);
  (void)w.a.note(w.pair.clock.now(), next, Problem::no_route);
  CHECK(w.a.of(next)->problems.all().size() == 1);
  CHECK(w.a.of(w.pair.b_of_a) == nullptr);
}

TEST_CASE("times of handshakes fall into their buckets, and their sum is kept") {
  HandshakeTimes times;
  times.add(1ms);
  times.add(40ms);
  times.add(10s);
  CHECK(times.counts[0] == 1);
  CHECK(times.counts[4] == 1);
  CHECK(times.counts[10] == 1);
  CHECK(times.sum_seconds == doctest::Approx(10.041));
}

TEST_CASE("an ICMP message about a peer that is up counts until the next packet of the peer's") {
  Watched w;
  w.call();
  w.pair.clock.advance(1s);
  (void)w.a.note(w.pair.clock.now(), w.pair.b_of_a, Problem::port_closed, w.pair.at_b.address);
  CHECK(w.verdict_at_a().state == PeerState::blocked);
  w.pair.clock.advance(1s);
  w.exchange(w.at_a(w.pair.hand_to_a(w.at_b(w.pair.b.from_inside(Pair::to_a())))));
  CHECK(w.verdict_at_a().state == PeerState::up);
  // Whose endpoint was learned from its packets may be behind a NAT, which is then who answers.
  const auto event = w.b.note(w.pair.clock.now(), w.pair.a_of_b, Problem::port_closed);
  REQUIRE(event);
  CHECK(event->problem == Problem::answers_no_more);
}
