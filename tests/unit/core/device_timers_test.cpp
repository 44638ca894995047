// SPDX-License-Identifier: MIT
// What lanes report, and what time brings. Nothing here waits: the clock is moved by hand.
#include <doctest/doctest.h>

#include "device.hpp"
#include "node.hpp"

using namespace culvert;
using namespace culvert::test;
using namespace std::chrono_literals;

namespace {

template <class C>
std::size_t posted(const Actions& actions, std::optional<std::size_t> lane = {}) {
  std::size_t n = 0;
  for (const Post& post : actions.posts)
    if (std::holds_alternative<C>(post.change) && (!lane || post.to.include(*lane))) ++n;
  return n;
}

wire::Initiation initiation(const Step& step) { return wire::load<wire::Initiation>(step.outside.at(0).octets); }

}  // namespace

// Initiations

TEST_CASE("a session is wanted: one initiation at once, and none while it waits for its response") {
  Pair pair;
  const Step call = pair.a.report(report::SessionWanted{pair.b_of_a});
  REQUIRE(call.outside.size() == 1);
  CHECK(call.outside[0].octets.size() == 148);
  CHECK(call.count(Event::Kind::initiation_sent) == 1);
  for (int i = 0; i < 10; ++i) {
    pair.clock.advance(100ms);
    CHECK(pair.a.report(report::SessionWanted{pair.b_of_a}).silent());
  }
}

TEST_CASE("without an endpoint there is nobody to call") {
  Pair pair;
  CHECK(pair.b.report(report::SessionWanted{pair.a_of_b}).silent());
  CHECK_FALSE(pair.b.device.next_deadline());
}

TEST_CASE("an unanswered initiation is repeated 18 times, 5 s and a jitter apart, each anew; then it is given up") {
  Pair pair;
  Step step = pair.a.from_inside(Pair::to_b());
  const Instant start = pair.clock.mono();
  std::set<std::uint32_t> indices;
  std::set<Octets<32>> ephemerals;
  Stamp last{};
  bool jitters_differ = false;
  Duration first_wait{};
  for (std::uint32_t tries = 1;; ++tries) {
    REQUIRE(step.outside.size() == 1);
    CHECK(indices.insert(initiation(step).sender).second);
    CHECK(ephemerals.insert(initiation(step).ephemeral).second);
    CHECK(pair.a.peer(pair.b_of_a).last_stamp_sent > last);
    last = pair.a.peer(pair.b_of_a).last_stamp_sent;

    const Instant sent = pair.clock.mono();
    while (pair.clock.mono() < sent + 5s) {  // whatever is looked at before, nothing leaves
      pair.a.sleep();
      if (pair.clock.mono() < sent + 5s) CHECK(pair.a.timers().silent());
    }
    const Duration wait = pair.clock.mono() - sent;
    CHECK(wait <= 5333ms);
    if (tries == 1) first_wait = wait;
    jitters_differ |= wait != first_wait;
    step = pair.a.timers();
    if (step.outside.empty()) {
      CHECK(tries == 19);
      break;
    }
    REQUIRE(step.count(Event::Kind::initiation_retried) == 1);
    CHECK(step.events.back().detail == tries + 1);
  }
  CHECK(jitters_differ);
  CHECK(pair.clock.mono() - start >= 95s);
  CHECK(pair.clock.mono() - start <= 95s + 19 * 333ms);
  CHECK(step.count(Event::Kind::gave_up) == 1);
  CHECK(pair.a.lanes[0].drops().of(Drop::handshake_gave_up) == 1);
  CHECK(pair.a.peer(pair.b_of_a).pending == nullptr);
  pair.clock.advance(2h);
  CHECK(pair.a.timers().silent());
  CHECK(pair.a.from_inside(Pair::to_b()).outside.size() == 1);  // fresh traffic begins anew
}

TEST_CASE("fresh traffic grants a handshake under way all its tries again") {
  Pair pair;
  pair.a.from_inside(Pair::to_b());
  int tries = 1;
  for (int i = 0; i < 200 && pair.a.peer(pair.b_of_a).pending; ++i) {
    pair.a.sleep();
    if (pair.a.timers().outside.empty()) continue;
    if (++tries == 10) pair.a.from_inside(Pair::to_b());
  }
  CHECK(tries == 10 + 18);
}

TEST_CASE("the jitter is drawn from 0 to 333 ms, both included") {
  for (const auto& [drawn, expected] :
       {std::pair{std::uint8_t{0}, Duration(0ms)}, {std::uint8_t{255}, Duration(333ms)}}) {
    Pair pair;
    pair.a.entropy.script(Octets<4>{1, 2, 3, 4});  // index
    pair.a.entropy.script(Octets<32>{9});          // ephemeral
    pair.a.entropy.script(Octets<4>{drawn, drawn, drawn, drawn});
    pair.a.report(report::SessionWanted{pair.b_of_a});
    CHECK(pair.a.device.next_deadline() == pair.clock.mono() + 5s + expected);
  }
  Pair pair;
  Duration least = 1s;
  Duration most{};
  for (int i = 0; i < 400; ++i) {
    pair.a.tell([&](Device& d, Actions& a) { d.set_link(pair.clock.now(), Link::down, a); });
    pair.a.tell([&](Device& d, Actions& a) { d.set_link(pair.clock.now(), Link::up, a); });
    pair.a.report(report::SessionWanted{pair.b_of_a});
    const Duration jitter = pair.a.peer(pair.b_of_a).jitter;
    least = std::min(least, jitter);
    most = std::max(most, jitter);
  }
  CHECK(least >= 0ms);
  CHECK(least < 10ms);
  CHECK(most > 323ms);
  CHECK(most <= 333ms);
}

TEST_CASE("a repeated initiation forgets the sticky source, which may be what is wrong") {
  Pair pair;
  pair.a.report(report::Roamed{pair.b_of_a, pair.at_b, Source{address("192.0.2.1"), 7}});
  pair.a.from_inside(Pair::to_b());
  CHECK(pair.a.peer(pair.b_of_a).source);
  pair.a.sleep();
  Actions actions;
  pair.a.device.run_timers(pair.clock.now(), actions);
  REQUIRE(actions.outgoing.size() == 1);
  CHECK_FALSE(actions.outgoing[0].from);
  CHECK(posted<change::EndpointMoved>(actions) == 1);
  CHECK(pair.a.peer(pair.b_of_a).endpoint == pair.at_b);
}

TEST_CASE("an initiation that is wanted within 5 s of the one before goes when they have passed") {
  Pair pair;
  pair.connect();                           // our initiation was just now
  pair.a.tell([&](Device& d, Actions& a) {  // and its session is of no use any more
    d.set_private_key(pair.clock.now(), private_key(kGoldenPsk.initiator_ephemeral), a);
    d.set_private_key(pair.clock.now(), private_key(kInitiatorPrivate), a);
  });
  pair.clock.advance(1s);
  CHECK(pair.a.from_inside(Pair::to_b()).silent());
  REQUIRE(pair.a.device.next_deadline());
  while (pair.clock.mono() < Instant(100h) + 5s - 1ns) {
    pair.clock.advance_to(std::min(*pair.a.device.next_deadline(), Instant(100h) + 5s - 1ns));
    CHECK(pair.a.timers().silent());
  }
  pair.clock.advance(1ns);
  CHECK(pair.a.timers().outside.size() == 1);
}

TEST_CASE("a response of ours counts as a handshake as well: no initiation of our own for 5 s") {
  Pair pair;
  const Step call = pair.a.from_inside(Pair::to_b());
  const Step answer = pair.hand_to_b(call);
  CHECK(pair.b.from_inside(Pair::to_a()).silent());  // waits for the first packet under the new session
  pair.clock.advance(4s);
  CHECK(pair.b.timers().silent());
  const Step released = pair.hand_to_b(pair.hand_to_a(answer));
  CHECK(released.outside.size() == 1);
  pair.clock.advance(10s);
  CHECK(pair.b.timers().count(Event::Kind::initiation_sent) == 0);

  Pair lossy;
  lossy.hand_to_b(lossy.a.from_inside(Pair::to_b()));  // the response is lost
  const Instant answered = lossy.clock.mono();
  CHECK(lossy.b.from_inside(Pair::to_a()).silent());
  lossy.clock.advance_to(answered + 5s - 1ns);
  CHECK(lossy.b.timers().silent());
  lossy.clock.advance_to(answered + 5s);
  CHECK(lossy.b.timers().count(Event::Kind::initiation_sent) == 1);
}

TEST_CASE("timestamps grow although the clock was set back, or the peer was removed and came again") {
  Pair pair;
  const auto call = [&] {
    pair.clock.advance(6s);
    Step step = pair.a.report(report::SessionWanted{pair.b_of_a});
    if (step.outside.empty()) step = pair.a.timers();
    REQUIRE(step.outside.size() == 1);
    return pair.hand_to_b(step);
  };
  CHECK(call().outside.size() == 1);
  pair.clock.set_wall({1'600'000'000, 0});
  CHECK(call().outside.size() == 1);
  pair.clock.set_wall({0, 0});
  CHECK(call().outside.size() == 1);
  pair.a.tell([&](Device& d, Actions& a) { d.remove_peer(pair.b_of_a, a); });
  pair.b_of_a = pair.a.add(kResponderPublic, pair.at_b, {"10.0.0.2/32"});
  CHECK(call().outside.size() == 1);
}

TEST_CASE("data sent and nothing heard for 15 s: the source is forgotten and a new handshake begins") {
  Pair pair;
  pair.connect();
  pair.run(pair.b.timers());
  pair.hand_to_a(pair.b.from_inside(Pair::to_a()));
  pair.clock.advance(1s);
  pair.a.report(report::Roamed{pair.b_of_a, pair.at_b, Source{address("192.0.2.1"), 7}});
  const Instant sent = pair.clock.mono();
  const Duration jitter = pair.a.peer(pair.b_of_a).jitter;
  pair.a.from_inside(Pair::to_b());
  Step step;
  while (step.outside.empty()) {
    REQUIRE(pair.a.sleep());
    step = pair.a.timers();
  }
  CHECK(pair.clock.mono() == sent + 15s + jitter);
  CHECK(step.outside[0].octets.size() == 148);
  CHECK(step.count(Event::Kind::stopped_hearing) == 1);
  CHECK(step.events[0].detail == 15);
  CHECK_FALSE(pair.a.peer(pair.b_of_a).source);
}

TEST_CASE("anything authentic that is heard ends the silence") {
  Pair pair;
  pair.connect();
  pair.hand_to_a(pair.b.from_inside(Pair::to_a()));
  pair.a.from_inside(Pair::to_b());
  pair.clock.advance(14s);
  pair.a.timers();
  Actions actions;
  pair.b.tell([&](Device& d, Actions& a) { d.set_persistent_keepalive(pair.clock.now(), pair.a_of_b, 0s, a); });
  const Step keepalive =
      pair.b.tell([&](Device& d, Actions& a) { d.set_persistent_keepalive(pair.clock.now(), pair.a_of_b, 1000s, a); });
  REQUIRE(keepalive.outside.size() == 1);
  pair.hand_to_a(keepalive);
  pair.clock.advance(14s);
  CHECK(pair.a.timers().count(Event::Kind::initiation_sent) == 0);
}

// Confirmation

TEST_CASE("a confirmation that comes late, or for a session that was replaced, changes nothing") {
  Pair pair;
  const Step first = pair.a.from_inside(Pair::to_b());
  const Step answer = pair.hand_to_b(first);
  const std::uint32_t old_index = wire::load<wire::Response>(answer.outside.at(0).octets).sender;
  pair.a.sleep();
  pair.hand_to_b(pair.a.timers());
  const Session* next = pair.b.peer(pair.a_of_b).sessions.next.get();
  REQUIRE(next != nullptr);
  Actions actions;
  pair.b.device.handle(pair.clock.now(), report::Confirmed{pair.a_of_b, old_index}, actions);
  CHECK(actions.posts.empty());
  CHECK(actions.events.empty());
  CHECK(pair.b.peer(pair.a_of_b).sessions.next.get() == next);
  CHECK_FALSE(pair.b.peer(pair.a_of_b).sessions.current);
  CHECK_FALSE(pair.b.peer(pair.a_of_b).last_handshake);
}

TEST_CASE("a confirmed session serves both: our own initiation is not awaited any longer") {
  Pair pair;
  pair.b.tell([&](Device& d, Actions& a) { d.set_endpoint(pair.a_of_b, pair.at_a, a); });
  pair.b.from_inside(Pair::to_a());  // lost
  REQUIRE(pair.b.peer(pair.a_of_b).pending != nullptr);
  CHECK(pair.run(pair.a.from_inside(Pair::to_b())).inside.size() == 2);
  CHECK(pair.b.peer(pair.a_of_b).pending == nullptr);
  pair.clock.advance(6s);
  CHECK(pair.b.timers().count(Event::Kind::initiation_retried) == 0);
}

// Roaming

TEST_CASE("a lane that saw a peer move tells control, and control all lanes") {
  Pair pair(3);
  const Source local{address("192.0.2.2"), 4};
  Actions actions;
  pair.a.device.handle(pair.clock.now(), report::Roamed{pair.b_of_a, endpoint("203.0.113.1:1"), local}, actions);
  CHECK(posted<change::EndpointMoved>(actions, 0) == 1);
  CHECK(posted<change::EndpointMoved>(actions, 1) == 1);
  CHECK(posted<change::EndpointMoved>(actions, 2) == 1);
  CHECK(actions.events.size() == 1);
  CHECK(pair.a.peer(pair.b_of_a).endpoint == endpoint("203.0.113.1:1"));
  CHECK(pair.a.peer(pair.b_of_a).source == local);
  actions = {};
  pair.a.device.handle(pair.clock.now(), report::Roamed{pair.b_of_a, endpoint("203.0.113.1:1"), std::nullopt}, actions);
  CHECK(actions.events.empty());  // only the source changed
}

TEST_CASE("a move and another word of control's that cross leave control and all lanes at one endpoint") {
  Pair pair(2);
  pair.connect();
  const PeerId id = pair.a_of_b;
  const std::size_t home = id.slot % 2;
  DataPath& path = pair.b.lanes[home];
  Session* const session = pair.b.peer(id).sessions.current.get();
  REQUIRE(session != nullptr);
  const auto hear = [&](const Endpoint& from) {
    Reports reports;
    path.heard(pair.clock.mono(), *session, from, std::nullopt, Carries::nothing, 32, reports);
    path.tell_moves(pair.clock.mono(), reports);
    return reports;
  };
  const auto all_at = [&](const Endpoint& where) {
    for (DataPath& lane : pair.b.lanes) CHECK(lane.find(id)->endpoint == where);
    CHECK(pair.b.peer(id).endpoint == where);
  };
  const Endpoint moved = endpoint("203.0.113.1:1"), further = endpoint("203.0.113.2:2");
  const Reports told = hear(moved);
  REQUIRE(told.size() == 1);
  pair.b.tell([&](Device& d, Actions& a) { d.set_endpoint(id, endpoint("203.0.113.9:9"), a); });
  pair.b.report(told[0]);
  all_at(moved);

  // The lane has gone on before control's answer comes: what it heard last is everybody's last.
  pair.clock.advance(250ms);
  const Reports first = hear(endpoint("203.0.113.3:3"));
  REQUIRE(first.size() == 1);
  CHECK(hear(further).empty());
  pair.b.report(first[0]);
  CHECK(path.find(id)->endpoint == further);
  pair.clock.advance(500ms);
  pair.b.timers();
  all_at(further);
}

TEST_CASE("on another network the source is forgotten everywhere, and whoever has a session hears from us at once") {
  Pair pair(2);
  pair.connect();
  pair.a.report(report::Roamed{pair.b_of_a, pair.at_b, Source{address("192.0.2.1"), 7}});
  Actions actions;
  pair.a.device.network_changed(actions);
  CHECK(posted<change::EndpointMoved>(actions, 0) == 1);
  CHECK(posted<change::EndpointMoved>(actions, 1) == 1);
  CHECK(posted<change::KeepaliveWanted>(actions) == 1);
  CHECK_FALSE(pair.a.peer(pair.b_of_a).source);

  Pair strangers;
  strangers.a.device.network_changed(actions = {});
  CHECK(actions.posts.empty());
  CHECK(actions.outgoing.empty());
}

TEST_CASE("a source that the kernel refused is forgotten everywhere, the endpoint is not") {
  Pair pair(2);
  Actions actions;
  pair.a.device.handle(pair.clock.now(), report::SourceRejected{pair.b_of_a}, actions);
  CHECK(actions.posts.empty());
  pair.a.report(report::Roamed{pair.b_of_a, pair.at_b, Source{address("192.0.2.1"), 7}});
  pair.a.device.handle(pair.clock.now(), report::SourceRejected{pair.b_of_a}, actions);
  CHECK(posted<change::EndpointMoved>(actions, 0) == 1);
  CHECK(posted<change::EndpointMoved>(actions, 1) == 1);
  CHECK_FALSE(pair.a.peer(pair.b_of_a).source);
  CHECK(pair.a.peer(pair.b_of_a).endpoint == pair.at_b);
}

TEST_CASE("while the link is down, reports change nothing") {
  Pair pair;
  pair.a.tell([&](Device& d, Actions& a) { d.set_link(pair.clock.now(), Link::down, a); });
  Actions actions;
  pair.a.device.handle(pair.clock.now(), report::SessionWanted{pair.b_of_a}, actions);
  pair.a.device.handle(pair.clock.now(), report::Roamed{pair.b_of_a, endpoint("203.0.113.1:1"), std::nullopt}, actions);
  pair.a.device.handle(pair.clock.now(), report::Active{pair.b_of_a}, actions);
  CHECK(actions.posts.empty());
  CHECK(actions.outgoing.empty());
  CHECK(pair.a.peer(pair.b_of_a).endpoint == pair.at_b);
  CHECK_FALSE(pair.a.device.next_deadline());
}

// Keepalives

TEST_CASE("data received is answered by a keepalive after 10 s, also when data was sent shortly before") {
  Pair pair;
  pair.connect();
  pair.clock.advance(1ms);
  pair.hand_to_a(pair.b.from_inside(Pair::to_a()));
  const Instant received = pair.clock.mono();
  Step step;
  while (step.outside.empty()) {
    REQUIRE(pair.a.sleep());
    step = pair.a.timers();
  }
  CHECK(pair.clock.mono() == received + 10s);
  CHECK(step.outside[0].octets.size() == 32);
  CHECK(step.count(Event::Kind::keepalive_sent) == 1);
}

TEST_CASE("a passive and a persistent keepalive that are due together are one") {
  Pair pair;
  pair.connect();
  pair.a.tell([&](Device& d, Actions& a) { d.set_persistent_keepalive(pair.clock.now(), pair.b_of_a, 10s, a); });
  pair.clock.advance(1s);
  pair.hand_to_a(pair.b.from_inside(Pair::to_a()));
  pair.clock.advance(10s);
  CHECK(pair.a.timers().outside.size() == 1);
  CHECK(pair.a.timers().silent());
}

TEST_CASE("a keepalive goes to one lane") {
  Pair pair(3);
  pair.connect();
  Actions actions;
  pair.a.device.set_persistent_keepalive(pair.clock.now(), pair.b_of_a, 10s, actions);
  std::size_t lanes = 0;
  for (std::size_t lane = 0; lane < 3; ++lane) lanes += posted<change::KeepaliveWanted>(actions, lane);
  CHECK(lanes == 1);
}

// Wiping

TEST_CASE("540 s after the last session was made all sessions are wiped, at both ends") {
  Pair pair;
  pair.connect();
  std::weak_ptr<Session> watched = pair.a.peer(pair.b_of_a).sessions.current;
  const Step data = pair.b.from_inside(Pair::to_a());
  const Instant born = pair.clock.mono();
  const auto run_to = [&](Instant at) {
    std::size_t wiped = 0;
    for (Node* node : {&pair.a, &pair.b}) {
      while (node->device.next_deadline() && *node->device.next_deadline() <= at) {
        pair.clock.advance_to(*node->device.next_deadline());
        wiped += node->timers().count(Event::Kind::keys_wiped);
      }
    }
    pair.clock.advance_to(at);
    return wiped;
  };
  CHECK(run_to(born + 540s - 1ns) == 0);
  CHECK_FALSE(watched.expired());
  CHECK(run_to(born + 540s) == 2);
  CHECK(watched.expired());
  CHECK(pair.a.peer(pair.b_of_a).sessions.empty());
  CHECK(pair.b.peer(pair.a_of_b).sessions.empty());
  CHECK(pair.hand_to_a(data).dropped(Drop::unknown_index));
}

TEST_CASE("a handshake that is under way when the old keys are wiped goes on") {
  Pair pair;
  pair.connect();
  const Instant born = pair.clock.mono();
  pair.clock.advance_to(born + 538s);
  pair.a.timers();
  pair.clock.advance_to(born + 539s);
  const Step first = pair.a.from_inside(Pair::to_b());
  Step late = first.outside.empty() ? pair.a.timers() : first;
  pair.clock.advance_to(born + 541s);
  const Step wiped = pair.a.timers();
  CHECK(pair.a.peer(pair.b_of_a).sessions.empty());
  Step retry = wiped;
  for (int i = 0; i < 10 && retry.outside.empty(); ++i) {
    REQUIRE(pair.a.sleep());
    retry = pair.a.timers();
  }
  CHECK(pair.clock.mono() <= born + 560s);
  CHECK(pair.run(retry).inside.size() == 1);  // what was staged
}

TEST_CASE("timers ask to be looked at again only when something may be due") {
  Pair pair;
  CHECK_FALSE(pair.a.device.next_deadline());
  pair.connect();
  pair.hand_to_a(pair.b.from_inside(Pair::to_a()));
  std::size_t looks = 0;
  const Instant end = pair.clock.mono() + 600s;
  while (pair.a.device.next_deadline() && *pair.a.device.next_deadline() <= end) {
    pair.a.sleep();
    pair.a.timers();
    REQUIRE(++looks < 100);
  }
  CHECK_FALSE(pair.a.device.next_deadline());  // the last was the wiping
  CHECK(looks <= 8);
}
