// SPDX-License-Identifier: MIT
// What the door asks of a handshake message under each load, and whom it answers.
#include <doctest/doctest.h>

#include "device.hpp"
#include "node.hpp"

using namespace culvert;
using namespace culvert::test;
using namespace std::chrono_literals;

namespace {

const Endpoint kHere = endpoint("192.0.2.1:1001");
const Endpoint kFlooder = endpoint("203.0.113.9:999");

struct Door {
  TestClock clock;
  Node node{clock, kResponderPrivate, 2};
  PeerId peer = node.add(kInitiatorPublic, std::nullopt, {"10.0.0.1/32"});
  Caller caller{kInitiatorPrivate, kResponderPublic};
  Packet message = octets_of(caller.call(clock.mono(), clock.now().wall).message);

  /// Whether it passed; `outgoing` is what was answered.
  Result<void, Drop> knock(const Endpoint& from, Load load) {
    Actions actions;
    const auto outcome = node.device.admit(clock.now(), message, from, std::nullopt, load, actions);
    outgoing = std::move(actions.outgoing);
    if (!outcome) return Err{outcome.error()};
    CHECK(*outcome == Admission::waits);
    return {};
  }
  std::vector<Outgoing> outgoing;

  /// The next message of this caller carries a mac2.
  void take_cookie(const Endpoint& from) {
    REQUIRE_FALSE(knock(from, Load::heavy));
    REQUIRE(outgoing.size() == 1);
    const Bytes reply = Bytes(outgoing[0].octets).first(outgoing[0].size);
    REQUIRE(caller.cookie.take(clock.mono(), caller.peer, wire::load<wire::CookieReply>(reply)));
    message = octets_of(caller.call(clock.mono(), clock.now().wall).message);
  }
};

}  // namespace

TEST_CASE("without load everybody passes, as often as he likes") {
  Door door;
  for (int i = 0; i < 1000; ++i) REQUIRE(door.knock(kFlooder, Load::normal));
}

TEST_CASE("while it is busy, a newcomer passes beside a flood from one address, and the flood does not") {
  Door door;
  int passed = 0;
  for (int i = 0; i < 1000; ++i) passed += door.knock(kFlooder, Load::busy) ? 1 : 0;
  CHECK(passed == 5);
  CHECK(door.knock(kHere, Load::busy));
  CHECK(door.outgoing.empty());
}

TEST_CASE("while it is crowded, a newcomer passes beside those who went on sending, and they do not") {
  Door door;
  int passed = 0;
  for (int i = 0; i < 5; ++i) passed += door.knock(kFlooder, Load::busy) ? 1 : 0;
  CHECK(passed == 5);
  for (int i = 0; i < 100; ++i) {
    door.clock.advance(2ms);
    CHECK(door.knock(kFlooder, Load::crowded).error() == Drop::cookie_demanded);
  }
  CHECK(door.knock(kHere, Load::crowded));
  CHECK(door.knock(kHere, Load::crowded).error() == Drop::cookie_demanded);
}

TEST_CASE("while its load is heavy, a stranger gets a cookie and no more") {
  Door door;
  CHECK(door.knock(kHere, Load::heavy).error() == Drop::cookie_demanded);
  REQUIRE(door.outgoing.size() == 1);
  CHECK(door.outgoing[0].size == 64);
  CHECK(door.outgoing[0].to == kHere);
}

TEST_CASE("who proves its address passes under any load, up to its share") {
  for (const Load load : {Load::busy, Load::crowded, Load::heavy}) {
    Door door;
    door.take_cookie(kHere);
    int passed = 0;
    for (int i = 0; i < 100; ++i) {
      const auto outcome = door.knock(kHere, load);
      passed += outcome ? 1 : 0;
      if (!outcome) REQUIRE(outcome.error() == Drop::rate_limited);
      REQUIRE(door.outgoing.empty());
    }
    CHECK(passed == 5);
  }
}

TEST_CASE("with another rate an address has another share, and strangers have what they had") {
  Door door;
  door.node.device.set_handshake_rate(200);
  door.take_cookie(kHere);
  int passed = 0;
  for (int i = 0; i < 100; ++i) passed += door.knock(kHere, Load::heavy) ? 1 : 0;
  CHECK(passed == 50);
  int strangers = 0;
  for (int i = 0; i < 100; ++i) strangers += door.knock(kFlooder, Load::busy) ? 1 : 0;
  CHECK(strangers == 5);
}

TEST_CASE("a cookie for one port is none for another") {
  Door door;
  door.take_cookie(kHere);
  CHECK(door.knock(endpoint("192.0.2.1:1002"), Load::heavy).error() == Drop::cookie_demanded);
}

TEST_CASE("of messages past an address's share, one in eight is answered, and the share of others is not touched") {
  Door door;
  std::size_t answers = 0;
  for (int i = 0; i < 805; ++i) {
    REQUIRE_FALSE(door.knock(kFlooder, Load::heavy));
    answers += door.outgoing.size();
  }
  CHECK(answers == 5 + 100);
  REQUIRE_FALSE(door.knock(kHere, Load::heavy));
  CHECK(door.outgoing.size() == 1);
}

TEST_CASE("the door is shut while the interface is down") {
  Door door;
  door.node.tell([&](Device& d, Actions& a) { d.set_link(door.clock.now(), Link::down, a); });
  for (const Load load : {Load::normal, Load::busy, Load::crowded, Load::heavy})
    CHECK(door.knock(kHere, load).error() == Drop::interface_down);
}

TEST_CASE("a cookie reply is taken or refused at the door, under any load, and never waits") {
  for (const Load load : {Load::normal, Load::busy, Load::crowded, Load::heavy}) {
    Pair pair;
    const Step call = pair.a.from_inside(Pair::to_b());
    const Step demand = pair.b.from_outside(call.outside.at(0).octets, pair.at_a, Load::heavy);
    const Packet genuine = demand.outside.at(0).octets;
    const auto hand = [&](const Packet& reply) {
      Actions actions;
      const auto outcome = pair.a.device.admit(pair.clock.now(), reply, kFlooder, std::nullopt, load, actions);
      CHECK(actions.outgoing.empty());
      CHECK(actions.events.size() == 1);
      return outcome;
    };
    Packet junk(64, 0);
    junk[0] = 3;
    CHECK(hand(junk).error() == Drop::unexpected_cookie);
    Packet forged = genuine;
    forged.back() ^= 1;
    CHECK(hand(forged).error() == Drop::bad_cookie_tag);
    const auto taken = hand(genuine);
    REQUIRE(taken);
    CHECK(*taken == Admission::done);
    CHECK(hand(genuine).error() == Drop::unexpected_cookie);
  }
}
