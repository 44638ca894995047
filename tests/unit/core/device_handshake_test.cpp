// SPDX-License-Identifier: MIT
// Handshake messages in and out: what is refused and why, that it changes nothing, and what is accepted only once.
#include <doctest/doctest.h>

#include "device.hpp"
#include "node.hpp"

using namespace culvert;
using namespace culvert::test;
using namespace std::chrono_literals;

namespace {

const Endpoint kAway = endpoint("203.0.113.9:999");
constexpr std::string_view kThirdPrivate = "a8abababababababababababababababababababababababababababababab6b";

/// b, who knows one caller, and that caller.
struct Answerer {
  TestClock clock;
  Node node{clock, kResponderPrivate, 2};
  PeerId peer = node.add(kInitiatorPublic, std::nullopt, {"10.0.0.1/32"});
  Caller caller{kInitiatorPrivate, kResponderPublic};
  Endpoint from = endpoint("192.0.2.1:1001");

  Step call(UnixTime wall) { return node.from_outside(octets_of(caller.call(clock.mono(), wall).message), from); }
  Step call(const Stamp& stamp) {
    return node.from_outside(octets_of(caller.call_at(clock.mono(), stamp).message), from);
  }
};

constexpr UnixTime later(std::int64_t seconds, std::uint32_t nanoseconds = 0) {
  return {1'700'000'000 + seconds, nanoseconds};
}

std::uint32_t sender(const Step& step) { return wire::load<wire::Initiation>(step.outside.at(0).octets).sender; }

}  // namespace

TEST_CASE("two devices with fixed keys, time and entropy exchange the recorded handshake, octet by octet") {
  for (const GoldenHandshake& golden : {kGoldenPsk, kGoldenNoPsk}) {
    Pair pair;
    pair.clock.set_wall({0x6553f16e - 10, 0x34000000});
    for (const auto& [node, id] : {std::pair{&pair.a, pair.b_of_a}, std::pair{&pair.b, pair.a_of_b}})
      node->device.set_preshared_key(id, preshared(golden.psk));
    pair.a.entropy.script(unhex(kGoldenInitiatorIndex));
    pair.a.entropy.script(unhex(golden.initiator_ephemeral));
    pair.b.entropy.script(unhex(kGoldenResponderIndex));
    pair.b.entropy.script(unhex(golden.responder_ephemeral));

    const Step call = pair.a.report(report::SessionWanted{pair.b_of_a});
    REQUIRE(call.outside.size() == 1);
    CHECK(hex(call.outside[0].octets) == golden.initiation);
    const Step answer = pair.hand_to_b(call);
    REQUIRE(answer.outside.size() == 1);
    CHECK(hex(answer.outside[0].octets) == golden.response);
    const Step confirmation = pair.hand_to_a(answer);
    REQUIRE(confirmation.outside.size() == 1);
    CHECK(hex(confirmation.outside[0].octets) == golden.packets[0].datagram);
    CHECK(pair.hand_to_b(confirmation).drops.empty());
  }
}

TEST_CASE("handshakes leave with AF41, from the sticky source, and are counted only when they were accepted") {
  Pair pair;
  const Source local{address("192.0.2.1"), 7};
  pair.a.report(report::Roamed{pair.b_of_a, pair.at_b, local});
  Actions actions;
  pair.a.device.handle(pair.clock.now(), report::SessionWanted{pair.b_of_a}, actions);
  REQUIRE(actions.outgoing.size() == 1);
  CHECK(actions.outgoing[0].tos == 0x88);
  CHECK(actions.outgoing[0].from == local);
  CHECK(actions.outgoing[0].to == pair.at_b);
  CHECK(actions.outgoing[0].size == 148);
  const Step call = pair.a.carry_out(std::move(actions));
  CHECK(pair.a.peer(pair.b_of_a).octets_sent() == 148);

  const Step answer = pair.hand_to_b(call);
  CHECK(answer.outside.at(0).tos == 0x88);
  CHECK(pair.b.peer(pair.a_of_b).octets_received() == 148);
  CHECK(pair.b.peer(pair.a_of_b).octets_sent() == 92);
  CHECK(pair.hand_to_b(call).dropped(Drop::old_timestamp));
  CHECK(pair.b.peer(pair.a_of_b).octets_received() == 148);
  const Step confirmation = pair.hand_to_a(answer);
  CHECK(pair.a.peer(pair.b_of_a).octets_received() == 92);
  CHECK(pair.hand_to_a(answer).dropped(Drop::unexpected_response));
  CHECK(pair.a.peer(pair.b_of_a).octets_received() == 92);
  CHECK(confirmation.outside.at(0).octets.size() == 32);
  CHECK(pair.a.peer(pair.b_of_a).octets_sent() == 148 + 32);
}

// Initiations

TEST_CASE("an initiation must be newer than all that were accepted from its sender") {
  Answerer b;
  CHECK(b.call(later(100)).outside.size() == 1);
  for (const UnixTime old : {later(100), later(99, 999'999'999), later(0), UnixTime{0, 0}, UnixTime{-5, 0}}) {
    b.clock.advance(1s);
    CHECK(b.call(old).dropped(Drop::old_timestamp));
  }
  b.clock.advance(1s);
  CHECK(b.call(later(100, 16'777'216)).outside.size() == 1);
  b.clock.advance(1s);
  CHECK(b.call(later(100)).dropped(Drop::old_timestamp));
  b.clock.advance(1s);
  Stamp ends = stamp_of(later(100, 16'777'216));
  ends[11] = 1;  // not on our grid, but newer
  CHECK(b.call(ends).outside.size() == 1);
}

TEST_CASE("timestamps are kept for each peer apart, and through the end of its sessions") {
  Answerer b;
  Caller other(kThirdPrivate, kResponderPublic);
  b.node.add(hex(other.self.public_key.bytes()), std::nullopt, {});
  CHECK(b.call(later(1000)).outside.size() == 1);
  CHECK(b.node.from_outside(octets_of(other.call(b.clock.mono(), later(1)).message), b.from).outside.size() == 1);
  b.node.tell([&](Device& d, Actions& a) { d.set_link(b.clock.now(), Link::down, a); });
  b.node.tell([&](Device& d, Actions& a) { d.set_link(b.clock.now(), Link::up, a); });
  b.clock.advance(2h);
  b.node.timers();
  CHECK(b.call(later(999)).dropped(Drop::old_timestamp));
}

TEST_CASE("a recorded initiation that is sent again a thousand times gets one response and moves nothing") {
  Pair pair;
  const Step call = pair.a.from_inside(Pair::to_b());
  const Step answer = pair.hand_to_b(call);
  REQUIRE(answer.outside.size() == 1);
  const Session* next = pair.b.peer(pair.a_of_b).sessions.next.get();
  for (int i = 0; i < 1000; ++i) {
    pair.clock.advance(1s);
    const Step again = pair.b.from_outside(call.outside[0].octets, kAway);
    REQUIRE(again.dropped(Drop::old_timestamp));
    REQUIRE(again.silent());
  }
  CHECK(pair.b.peer(pair.a_of_b).endpoint == pair.at_a);
  CHECK(pair.b.peer(pair.a_of_b).sessions.next.get() == next);
}

TEST_CASE("initiations closer than 20 ms are refused, to the nanosecond; the refused ones do not count") {
  Answerer b;
  CHECK(b.call(later(1)).outside.size() == 1);
  b.clock.advance(20ms - 1ns);
  const Step close = b.call(later(2));
  CHECK(close.dropped(Drop::initiations_too_close));
  CHECK(close.silent());
  b.clock.advance(1ns);
  CHECK(b.call(later(2)).outside.size() == 1);  // the same timestamp: the refusal did not note it
  for (int i = 0; i < 10; ++i) {
    b.clock.advance(2ms - 1ns);
    CHECK(b.call(later(3 + i)).dropped(Drop::initiations_too_close));
  }
  b.clock.advance(10ns);
  CHECK(b.call(later(50)).outside.size() == 1);
}

TEST_CASE("what an initiation must pass, and that a refused one changes nothing") {
  Answerer b;
  Caller stranger(kThirdPrivate, kResponderPublic);
  const auto untouched = [&] {
    const Peer& peer = b.node.peer(b.peer);
    return !peer.endpoint && peer.sessions.empty() && peer.greatest_stamp_received == Stamp{} &&
           !peer.last_initiation_accepted && peer.octets_received() == 0 && peer.octets_sent() == 0 &&
           !peer.traffic->last_passage.load() && !b.node.device.next_deadline();
  };
  const auto restamped = [&](MadeInitiation made, auto change) {
    change(made.message);
    CookieHolder().stamp(b.clock.mono(), public_key(kResponderPublic), made.message);
    return octets_of(made.message);
  };
  const auto fresh = [&] { return b.caller.call(b.clock.mono(), later(1)); };

  SUBCASE("mac1") {
    Packet message = octets_of(fresh().message);
    message[116] ^= 1;
    CHECK(b.node.from_outside(message, b.from).dropped(Drop::bad_mac1));
  }
  SUBCASE("the ephemeral key is of low order") {
    const Packet message =
        restamped(fresh(), [](wire::Initiation& m) { m.ephemeral = public_key(kLowOrderPoints[2]).octets; });
    CHECK(b.node.from_outside(message, b.from).dropped(Drop::zero_shared_secret));
  }
  SUBCASE("the sealed static key") {
    const Packet message = restamped(fresh(), [](wire::Initiation& m) { m.static_key[47] ^= 1; });
    CHECK(b.node.from_outside(message, b.from).dropped(Drop::bad_static_tag));
  }
  SUBCASE("the sender is configured") {
    const Packet message = octets_of(stranger.call(b.clock.mono(), later(1)).message);
    CHECK(b.node.from_outside(message, b.from).dropped(Drop::unknown_peer));
  }
  SUBCASE("the sealed timestamp") {
    const Packet message = restamped(fresh(), [](wire::Initiation& m) { m.timestamp[0] ^= 1; });
    CHECK(b.node.from_outside(message, b.from).dropped(Drop::bad_timestamp_tag));
  }
  SUBCASE("the sender index is authenticated by nobody, so any is taken") {
    const Packet message = restamped(fresh(), [](wire::Initiation& m) { m.sender = 0; });
    CHECK(b.node.from_outside(message, b.from).outside.size() == 1);
    return;
  }
  CHECK(untouched());
  CHECK(b.node.from_outside(octets_of(fresh().message), b.from).outside.size() == 1);
}

TEST_CASE("an initiation of a configured peer with a key of low order is refused") {
  for (const std::string_view point : kLowOrderPoints) {
    TestClock clock;
    Node node(clock, kResponderPrivate, 2);
    node.add(point, std::nullopt, {});
    Caller caller(kInitiatorPrivate, kResponderPublic);
    KeyPair weak{private_key(kThirdPrivate), public_key(point)};
    const Secret<32> any;  // the all-zero result that both ends would compute
    auto made = make_initiation(weak, public_key(kResponderPublic), any, key_pair(kGoldenPsk.initiator_ephemeral),
                                stamp_of(later(1)), 1);
    REQUIRE(made);
    caller.cookie.stamp(clock.mono(), public_key(kResponderPublic), made->message);
    CHECK(node.from_outside(octets_of(made->message), endpoint("192.0.2.1:1")).dropped(Drop::zero_shared_secret));
  }
}

TEST_CASE("an accepted initiation moves the endpoint; the response goes where it came from") {
  Answerer b;
  for (const char* from : {"192.0.2.1:1001", "192.0.2.1:1002", "[2001:db8::1]:1002"}) {
    b.from = endpoint(from);
    b.clock.advance(1s);
    const Step answer = b.call(b.clock.now().wall);
    REQUIRE(answer.outside.size() == 1);
    CHECK(answer.outside[0].to == b.from);
    CHECK(b.node.peer(b.peer).endpoint == b.from);
    CHECK(b.node.lanes[0].find(b.peer)->endpoint == b.from);
    CHECK(answer.count(Event::Kind::endpoint_moved) == 1);
  }
}

TEST_CASE("the responder does not send under a session before its peer has") {
  Pair pair;
  const Step answer = pair.hand_to_b(pair.a.from_inside(Pair::to_b()));
  const Step early = pair.b.from_inside(Pair::to_a());
  for (const Datagram& datagram : early.outside) CHECK(datagram.octets[0] != 4);
  CHECK_FALSE(pair.b.peer(pair.a_of_b).last_handshake);
  const Step confirmation = pair.hand_to_a(answer);
  CHECK(pair.a.peer(pair.b_of_a).last_handshake == pair.clock.now().wall);
  pair.clock.advance(1s);
  const Step released = pair.hand_to_b(confirmation);
  REQUIRE(released.outside.size() == 1);  // what was staged
  CHECK(released.outside[0].octets[0] == 4);
  CHECK(released.count(Event::Kind::session_confirmed) == 1);
  CHECK(pair.b.peer(pair.a_of_b).last_handshake == pair.clock.now().wall);
  CHECK(pair.hand_to_a(released).inside.size() == 1);
}

// Responses

TEST_CASE("a response is taken once") {
  Pair pair;
  const Step answer = pair.hand_to_b(pair.a.from_inside(Pair::to_b()));
  CHECK(pair.hand_to_a(answer).count(Event::Kind::response_received) == 1);
  const Session* current = pair.a.peer(pair.b_of_a).sessions.current.get();
  const Step again = pair.a.from_outside(answer.outside[0].octets, kAway);
  CHECK(again.dropped(Drop::unexpected_response));
  CHECK(again.silent());
  CHECK(pair.a.peer(pair.b_of_a).sessions.current.get() == current);
  CHECK(pair.a.peer(pair.b_of_a).endpoint == pair.at_b);
}

TEST_CASE("a response counts only for the index of the initiation that waits") {
  Pair pair;
  const Step call = pair.a.from_inside(Pair::to_b());
  const Step answer = pair.hand_to_b(call);
  auto response = wire::load<wire::Response>(answer.outside.at(0).octets);
  const auto with_receiver = [&](std::uint32_t index) {
    wire::Response changed = response;
    changed.receiver = index;
    CookieHolder().stamp(pair.clock.mono(), public_key(kInitiatorPublic), changed);
    return pair.a.from_outside(octets_of(changed), pair.at_b);
  };
  for (const std::uint32_t index : {0u, sender(call) + 1, sender(call) ^ 0x80000000u, std::uint32_t{response.sender}})
    CHECK(with_receiver(index).dropped(Drop::unexpected_response));
  CHECK(pair.a.peer(pair.b_of_a).pending != nullptr);
  CHECK(pair.hand_to_a(answer).drops.empty());
  // The index is now that of a session.
  CHECK(with_receiver(sender(call)).dropped(Drop::unexpected_response));
}

TEST_CASE("a response with the index of a session is refused, also while an initiation of that peer waits") {
  Pair pair;
  pair.connect();
  const std::uint32_t of_session = pair.a.peer(pair.b_of_a).sessions.current->local_index;
  pair.clock.advance(121s);
  const Step answer = pair.hand_to_b(pair.a.report(report::SessionWanted{pair.b_of_a}));
  REQUIRE(pair.a.peer(pair.b_of_a).pending != nullptr);
  auto response = wire::load<wire::Response>(answer.outside.at(0).octets);
  response.receiver = of_session;
  CookieHolder().stamp(pair.clock.mono(), public_key(kInitiatorPublic), response);
  CHECK(pair.a.from_outside(octets_of(response), pair.at_b).dropped(Drop::unexpected_response));
  CHECK(pair.a.peer(pair.b_of_a).pending != nullptr);
  CHECK(pair.hand_to_a(answer).drops.empty());
}

TEST_CASE("a response with the index of another peer's pending initiation is refused, and both still wait") {
  Pair pair;
  const PeerId third = pair.a.add(hex(key_pair(kThirdPrivate).public_key.bytes()), endpoint("192.0.2.3:3"), {});
  const Step call = pair.a.from_inside(Pair::to_b());
  const Step other_call = pair.a.report(report::SessionWanted{third});
  const Step answer = pair.hand_to_b(call);
  auto response = wire::load<wire::Response>(answer.outside.at(0).octets);
  response.receiver = sender(other_call);
  CookieHolder().stamp(pair.clock.mono(), public_key(kInitiatorPublic), response);
  CHECK(pair.a.from_outside(octets_of(response), pair.at_b).dropped(Drop::bad_response_tag));
  CHECK(pair.a.peer(third).pending != nullptr);
  CHECK(pair.a.peer(third).endpoint == endpoint("192.0.2.3:3"));
  CHECK(pair.hand_to_a(answer).drops.empty());
}

TEST_CASE("a response to an initiation that was repeated since is refused; the one to the last is taken") {
  Pair pair;
  const Step first = pair.a.from_inside(Pair::to_b());
  const Step first_answer = pair.hand_to_b(first);
  pair.a.sleep();
  const Step second = pair.a.timers();
  REQUIRE(second.outside.size() == 1);
  CHECK(sender(second) != sender(first));
  CHECK(pair.hand_to_a(first_answer).dropped(Drop::unexpected_response));
  const Step second_answer = pair.hand_to_b(second);
  CHECK(pair.hand_to_a(second_answer).drops.empty());
}

TEST_CASE("a response that does not authenticate leaves the initiation waiting, where it was") {
  Pair pair;
  const Step answer = pair.hand_to_b(pair.a.from_inside(Pair::to_b()));
  auto response = wire::load<wire::Response>(answer.outside.at(0).octets);
  const auto handed = [&](auto change) {
    wire::Response changed = response;
    change(changed);
    CookieHolder().stamp(pair.clock.mono(), public_key(kInitiatorPublic), changed);
    return pair.a.from_outside(octets_of(changed), kAway);
  };
  CHECK(handed([](wire::Response& m) { m.empty[3] ^= 4; }).dropped(Drop::bad_response_tag));
  CHECK(handed([](wire::Response& m) { m.ephemeral[3] ^= 4; }).dropped(Drop::bad_response_tag));
  CHECK(handed([](wire::Response& m) { m.ephemeral = {}; }).dropped(Drop::zero_shared_secret));
  CHECK(pair.a.peer(pair.b_of_a).endpoint == pair.at_b);
  CHECK(pair.a.peer(pair.b_of_a).octets_received() == 0);
  CHECK(pair.hand_to_a(answer).drops.empty());
}

TEST_CASE("an accepted response moves the endpoint") {
  Pair pair;
  const Step answer = pair.hand_to_b(pair.a.from_inside(Pair::to_b()));
  const Step confirmation = pair.a.from_outside(answer.outside.at(0).octets, kAway);
  CHECK(confirmation.count(Event::Kind::endpoint_moved) == 1);
  CHECK(confirmation.outside.at(0).to == kAway);
  CHECK(pair.a.peer(pair.b_of_a).endpoint == kAway);
}

TEST_CASE("after the response exactly one lane confirms, and every lane sends what waits there") {
  Pair pair(3);
  const Step call = pair.a.from_inside(Pair::to_b(61), 0);
  pair.a.from_inside(Pair::to_b(62), 1);
  pair.a.from_inside(Pair::to_b(63), 2);
  Step confirmation = pair.hand_to_a(pair.hand_to_b(call));
  std::vector<std::size_t> sizes;
  for (const Packet& packet : pair.hand_to_b(confirmation).inside) sizes.push_back(packet.size());
  std::ranges::sort(sizes);
  CHECK(sizes == std::vector<std::size_t>{61, 62, 63});

  Pair idle(3);
  confirmation = idle.hand_to_a(idle.hand_to_b(idle.a.report(report::SessionWanted{idle.b_of_a})));
  REQUIRE(confirmation.outside.size() == 1);
  CHECK(confirmation.outside[0].octets.size() == 32);
}

TEST_CASE("a new preshared key counts from the next response on, made or read") {
  Pair pair;
  pair.a.device.set_preshared_key(pair.b_of_a, preshared(kGoldenPsk.psk));
  const Step refused = pair.hand_to_b(pair.a.from_inside(Pair::to_b()));
  CHECK(pair.hand_to_a(refused).dropped(Drop::bad_response_tag));
  pair.b.device.set_preshared_key(pair.a_of_b, preshared(kGoldenPsk.psk));
  pair.a.sleep();
  const Step answer = pair.hand_to_b(pair.a.timers());
  pair.a.device.set_preshared_key(pair.b_of_a, preshared(kGoldenNoPsk.psk));
  CHECK(pair.hand_to_a(answer).dropped(Drop::bad_response_tag));
  pair.a.device.set_preshared_key(pair.b_of_a, preshared(kGoldenPsk.psk));
  CHECK(pair.hand_to_a(answer).drops.empty());
}

TEST_CASE("initiations that cross leave both ways open, whatever overtakes what") {
  // Nothing but orders in which the eight datagrams of a crossing may arrive or be lost; each end goes on with what it
  // has, and both can be heard.
  enum class Late : std::uint8_t { nothing, their_call, their_call_and_our_first_packet };
  for (const Late late : {Late::nothing, Late::their_call, Late::their_call_and_our_first_packet}) {
    for (const bool swapped : {false, true}) {
      CAPTURE(static_cast<int>(late));
      CAPTURE(swapped);
      Pair pair;
      pair.b.tell([&](Device& d, Actions& a) { d.set_endpoint(pair.a_of_b, pair.at_a, a); });
      // x's key is the smaller one, or not.
      Node& x = swapped ? pair.b : pair.a;
      Node& y = swapped ? pair.a : pair.b;
      const auto say = [&](Node& node) { return node.from_inside(&node == &pair.a ? Pair::to_b() : Pair::to_a()); };
      const auto hand = [&](const Step& step, Node& to) {
        return &to == &pair.b ? pair.hand_to_b(step) : pair.hand_to_a(step);
      };
      const Step call_of_x = say(x);
      const Step call_of_y = say(y);
      const Step answer_of_y = hand(call_of_x, y);
      Step answer_of_x;
      if (late == Late::nothing) answer_of_x = hand(call_of_y, x);
      const Step first_of_x = hand(answer_of_y, x);
      if (late != Late::nothing) answer_of_x = hand(call_of_y, x);
      const Step second_of_x = say(x);
      if (late != Late::their_call_and_our_first_packet) hand(first_of_x, y);
      const Step first_of_y = hand(answer_of_x, y);
      const Step heard_by_y = hand(second_of_x, y);
      hand(first_of_y, x);
      hand(heard_by_y, x);
      for (int i = 0; i < 3; ++i) {
        CHECK(hand(say(x), y).inside.size() == 1);
        CHECK(hand(say(y), x).inside.size() == 1);
      }
    }
  }
}

// Cookies and load

TEST_CASE("under load an initiation needs a cookie, which comes back smaller than what asked for it") {
  Pair pair;
  const Step call = pair.a.from_inside(Pair::to_b());
  const Step demand = pair.b.from_outside(call.outside[0].octets, pair.at_a, Load::heavy);
  CHECK(demand.dropped(Drop::cookie_demanded));
  REQUIRE(demand.outside.size() == 1);
  CHECK(demand.outside[0].octets.size() == 64);
  CHECK(demand.outside[0].to == pair.at_a);
  CHECK(demand.outside[0].tos == 0);
  CHECK(demand.count(Event::Kind::cookie_sent) == 1);
  CHECK(pair.b.peer(pair.a_of_b).sessions.empty());
  CHECK_FALSE(pair.b.peer(pair.a_of_b).endpoint);

  const Step taken = pair.hand_to_a(demand);
  CHECK(taken.count(Event::Kind::cookie_received) == 1);
  CHECK(taken.silent());  // the next try has it, not sooner than 5 s
  pair.a.sleep();
  const Step retry = pair.a.timers();
  REQUIRE(retry.outside.size() == 1);
  CHECK(wire::load<wire::Initiation>(retry.outside[0].octets).macs.mac2 != Octets<16>{});
  Endpoint elsewhere = pair.at_a;
  elsewhere.port ^= 1;
  CHECK(pair.b.from_outside(retry.outside[0].octets, elsewhere, Load::heavy).dropped(Drop::cookie_demanded));
  const Step answer = pair.b.from_outside(retry.outside[0].octets, pair.at_a, Load::heavy);
  CHECK(answer.drops.empty());
  CHECK(pair.hand_to_a(answer).drops.empty());
}

TEST_CASE("under load a response needs a cookie too") {
  Pair pair;
  const Step answer = pair.hand_to_b(pair.a.from_inside(Pair::to_b()));
  const Step demand = pair.a.from_outside(answer.outside.at(0).octets, pair.at_b, Load::heavy);
  CHECK(demand.dropped(Drop::cookie_demanded));
  CHECK(pair.a.peer(pair.b_of_a).sessions.empty());
  REQUIRE(demand.outside.size() == 1);
  CHECK(demand.outside[0].octets.size() == 64);
  CHECK(pair.hand_to_b(demand).count(Event::Kind::cookie_received) == 1);
  pair.a.sleep();
  const Step second = pair.hand_to_b(pair.a.timers());
  CHECK(wire::load<wire::Response>(second.outside.at(0).octets).macs.mac2 != Octets<16>{});
  CHECK(pair.a.from_outside(second.outside[0].octets, pair.at_b, Load::heavy).drops.empty());
}

TEST_CASE("under load too, what has no good mac1 gets no cookie") {
  Pair pair;
  Packet call = pair.a.from_inside(Pair::to_b()).outside.at(0).octets;
  call[116] ^= 1;
  const Step step = pair.b.from_outside(call, pair.at_a, Load::heavy);
  CHECK(step.dropped(Drop::bad_mac1));
  CHECK(step.silent());
}

TEST_CASE("under load an address has five handshakes at once and twenty a second, and another has its own") {
  Answerer b;
  const auto call = [&](const Endpoint& from) {
    return b.node.from_outside(octets_of(b.caller.call(b.clock.mono(), b.clock.now().wall).message), from, Load::heavy);
  };
  const auto with_cookie = [&](const Endpoint& from) {
    const Step demand = call(from);
    REQUIRE(demand.dropped(Drop::cookie_demanded));
    REQUIRE(b.caller.cookie.take(b.clock.mono(), b.caller.peer,
                                 wire::load<wire::CookieReply>(demand.outside.at(0).octets)));
  };
  with_cookie(b.from);
  for (int i = 0; i < 5; ++i) {
    const Step step = call(b.from);  // too close to each other or not: they had their token
    CHECK((step.drops.empty() || step.dropped(Drop::initiations_too_close) || step.dropped(Drop::old_timestamp)));
  }
  CHECK(call(b.from).dropped(Drop::rate_limited));
  CHECK(call(b.from).silent());
  b.clock.advance(50ms - 1ns);
  CHECK(call(b.from).dropped(Drop::rate_limited));
  b.clock.advance(1ns);
  CHECK_FALSE(call(b.from).dropped(Drop::rate_limited));
  CHECK(call(b.from).dropped(Drop::rate_limited));
  const Endpoint other = endpoint("192.0.2.99:1001");
  with_cookie(other);
  CHECK_FALSE(call(other).dropped(Drop::rate_limited));
}

TEST_CASE("without load nobody is limited, cookie or not") {
  Answerer b;
  for (int i = 0; i < 200; ++i) {
    b.clock.advance(20ms);
    CHECK(b.call(b.clock.now().wall).drops != std::vector{Drop::rate_limited});
  }
}

TEST_CASE("a cookie reply never moves the endpoint, and does not count as something heard") {
  Pair pair;
  const Step call = pair.a.from_inside(Pair::to_b());
  const Step demand = pair.b.from_outside(call.outside[0].octets, pair.at_a, Load::heavy);
  const Peer& peer = pair.a.peer(pair.b_of_a);
  const auto passage = peer.traffic->last_passage.load();
  pair.clock.advance(1s);
  const Step taken = pair.a.from_outside(demand.outside.at(0).octets, kAway);
  CHECK(taken.count(Event::Kind::cookie_received) == 1);
  CHECK(peer.endpoint == pair.at_b);
  CHECK(peer.octets_received() == 0);
  CHECK(peer.traffic->last_passage.load() == passage);
  CHECK(pair.hand_to_a(demand).dropped(Drop::unexpected_cookie));
}

TEST_CASE("a cookie reply for an index that is not ours, or under another key, is refused") {
  Pair pair;
  const Step call = pair.a.from_inside(Pair::to_b());
  const Step demand = pair.b.from_outside(call.outside[0].octets, pair.at_a, Load::heavy);
  auto reply = wire::load<wire::CookieReply>(demand.outside.at(0).octets);
  reply.receiver = reply.receiver + 1;
  CHECK(pair.a.from_outside(octets_of(reply), pair.at_b).dropped(Drop::unexpected_cookie));
  reply.receiver = reply.receiver - 1;
  reply.cookie[31] ^= 1;
  CHECK(pair.a.from_outside(octets_of(reply), pair.at_b).dropped(Drop::bad_cookie_tag));
  CHECK(pair.hand_to_a(demand).count(Event::Kind::cookie_received) == 1);
}

// What is no handshake message

TEST_CASE("data and unknown types are not for the device") {
  TestClock clock;
  Node node(clock, kResponderPrivate, 1);
  Actions actions;
  for (const Packet& datagram : {Packet{}, Packet(31, 1), Packet(148, 1), Packet(148, 0), Packet(1500, 5)}) {
    const auto screened = node.device.screen(datagram);
    REQUIRE_FALSE(screened);
    CHECK(screened.error() == Drop::not_wireguard);
    const auto handled = node.device.handle(clock.now(), datagram, kAway, std::nullopt, Load::normal, actions);
    REQUIRE_FALSE(handled);
    CHECK(handled.error() == Drop::not_wireguard);
  }
  Packet data(32);
  data[0] = 4;
  CHECK_FALSE(node.device.screen(data));
  CHECK_FALSE(node.device.handle(clock.now(), data, kAway, std::nullopt, Load::normal, actions));
  CHECK(actions.outgoing.empty());
}

TEST_CASE("every refusal is told as an event, with where it came from") {
  Pair pair;
  const Step call = pair.a.from_inside(Pair::to_b());
  pair.hand_to_b(call);
  const Step again = pair.b.from_outside(call.outside[0].octets, kAway);
  REQUIRE(again.events.size() == 1);
  CHECK(again.events[0].kind == Event::Kind::refused);
  CHECK(again.events[0].drop == Drop::old_timestamp);
  CHECK(again.events[0].endpoint == kAway);
}
