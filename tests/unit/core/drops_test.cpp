// SPDX-License-Identifier: MIT
// Every reason to drop is produced once, or the test that does is named. A new reason without a case here does not
// compile.
#include <doctest/doctest.h>

#include "fingerprint.hpp"

using namespace culvert;
using namespace culvert::test;
using namespace std::chrono_literals;

namespace {

const Endpoint kAway = endpoint("203.0.113.9:999");
constexpr std::string_view kStranger = "a8abababababababababababababababababababababababababababababab6b";
constexpr std::uint64_t kLimit = 18446744073709543423ULL;

struct Produced {
  Step step;
  std::string elsewhere = {};  // the test that produces it
};

Produced elsewhere(std::string test) { return {{}, std::move(test)}; }

/// The node drops without changing.
Step unchanged(Node& node, auto&& call) {
  const std::string before = fingerprint(node);
  Step step = call();
  CHECK(fingerprint(node) == before);
  CHECK(step.inside.empty());
  return step;
}

Step from_away(Node& node, const Packet& datagram, Load load = Load::normal, std::uint8_t tos = 0) {
  return unchanged(node, [&] { return node.from_outside(datagram, kAway, load, tos); });
}

template <class Message>
Packet mended(Message message, std::string_view receiver) {
  CookieHolder().stamp({}, public_key(receiver), message);
  return octets_of(message);
}

wire::Initiation first_call(Pair& pair) {
  return wire::load<wire::Initiation>(pair.a.from_inside(Pair::to_b()).outside.at(0).octets);
}

/// A packet under the session that a has for b.
Packet sealed(Pair& pair, std::uint64_t counter, Bytes plaintext) {
  const Session& session = *pair.a.peer(pair.b_of_a).sessions.current;
  return data_message(session.keys.send, session.remote_index, counter, plaintext);
}

Step staged(Pair& pair, Drop drop) {
  Step step;
  step.drops.assign(static_cast<std::size_t>(pair.a.lanes[0].drops().of(drop)), drop);
  return step;
}

Produced produce(Drop drop) {
  Pair pair;
  switch (drop) {
    case Drop::not_wireguard:
      return {from_away(pair.b, Packet(100, 9))};
    case Drop::truncated:
      return elsewhere("engine: junk is counted by what it is");
    case Drop::no_identity: {
      Node nobody(pair.clock, "", 3);
      return {from_away(nobody, octets_of(first_call(pair)))};
    }
    case Drop::handshake_queue_full:
      return elsewhere("engine: the queue is first in, first out, and refuses the 1025th");
    case Drop::report_queue_full:
      return elsewhere("engine: handshake messages beyond the room for reports are counted");

    case Drop::bad_mac1: {
      wire::Initiation call = first_call(pair);
      call.macs.mac1[0] ^= 1;
      return {from_away(pair.b, octets_of(call))};
    }
    case Drop::cookie_demanded: {
      const Step step = pair.b.from_outside(octets_of(first_call(pair)), kAway, Load::heavy);
      CHECK(pair.b.peer(pair.a_of_b).sessions.empty());
      return {step};
    }
    case Drop::rate_limited: {
      Caller caller(kInitiatorPrivate, kResponderPublic);
      const auto call = [&] { return octets_of(caller.call(pair.clock.mono(), pair.clock.now().wall).message); };
      const Step demand = pair.b.from_outside(call(), kAway, Load::heavy);
      const auto reply = wire::load<wire::CookieReply>(demand.outside.at(0).octets);
      REQUIRE(caller.cookie.take(pair.clock.mono(), caller.peer, reply));
      for (int i = 0; i < 5; ++i) pair.b.from_outside(call(), kAway, Load::heavy);
      return {from_away(pair.b, call(), Load::heavy)};
    }
    case Drop::zero_shared_secret: {
      wire::Initiation call = first_call(pair);
      call.ephemeral = public_key(kLowOrderPoints[3]).octets;
      return {from_away(pair.b, mended(call, kResponderPublic))};
    }
    case Drop::bad_static_tag: {
      wire::Initiation call = first_call(pair);
      call.static_key[0] ^= 1;
      return {from_away(pair.b, mended(call, kResponderPublic))};
    }
    case Drop::unknown_peer: {
      Caller stranger(kStranger, kResponderPublic);
      return {from_away(pair.b, octets_of(stranger.call(pair.clock.mono(), pair.clock.now().wall).message))};
    }
    case Drop::peer_disabled:
    case Drop::peer_expired: {
      const Blocked why = drop == Drop::peer_disabled ? Blocked::disabled : Blocked::expired;
      pair.b.tell([&](Device& d, Actions& a) { d.set_blocked(pair.clock.now(), pair.a_of_b, why, a); });
      return {from_away(pair.b, octets_of(first_call(pair)))};
    }
    case Drop::bad_timestamp_tag: {
      wire::Initiation call = first_call(pair);
      call.timestamp[0] ^= 1;
      return {from_away(pair.b, mended(call, kResponderPublic))};
    }
    case Drop::old_timestamp: {
      const wire::Initiation call = first_call(pair);
      pair.b.from_outside(octets_of(call), pair.at_a);
      pair.clock.advance(1s);
      return {from_away(pair.b, octets_of(call))};
    }
    case Drop::initiations_too_close: {
      Caller caller(kInitiatorPrivate, kResponderPublic);
      pair.b.from_outside(octets_of(first_call(pair)), pair.at_a);
      pair.clock.advance(20ms - 1ns);
      return {from_away(pair.b, octets_of(caller.call(pair.clock.mono(), pair.clock.now().wall).message))};
    }
    case Drop::unexpected_response: {
      const Step answer = pair.hand_to_b(pair.a.from_inside(Pair::to_b()));
      pair.hand_to_a(answer);
      return {from_away(pair.a, answer.outside.at(0).octets)};
    }
    case Drop::bad_response_tag: {
      const Step answer = pair.hand_to_b(pair.a.from_inside(Pair::to_b()));
      auto response = wire::load<wire::Response>(answer.outside.at(0).octets);
      response.empty[0] ^= 1;
      return {from_away(pair.a, mended(response, kInitiatorPublic))};
    }
    case Drop::unexpected_cookie: {
      const Step demand = pair.b.from_outside(octets_of(first_call(pair)), kAway, Load::heavy);
      auto reply = wire::load<wire::CookieReply>(demand.outside.at(0).octets);
      reply.receiver = reply.receiver + 1;
      return {from_away(pair.a, octets_of(reply))};
    }
    case Drop::bad_cookie_tag: {
      const Step demand = pair.b.from_outside(octets_of(first_call(pair)), kAway, Load::heavy);
      auto reply = wire::load<wire::CookieReply>(demand.outside.at(0).octets);
      reply.cookie[0] ^= 1;
      return {from_away(pair.a, octets_of(reply))};
    }

    case Drop::unknown_index: {
      pair.connect();
      Packet data = sealed(pair, 5, Pair::to_b());
      data[4] ^= 1;
      return {from_away(pair.b, data)};
    }
    case Drop::session_expired: {
      pair.connect();
      pair.clock.advance(180s);
      return {from_away(pair.b, sealed(pair, 5, Pair::to_b()))};
    }
    case Drop::counter_limit:
      pair.connect();
      return {from_away(pair.b, sealed(pair, kLimit, Pair::to_b()))};
    case Drop::bad_tag: {
      pair.connect();
      Packet data = sealed(pair, 5, Pair::to_b());
      data.back() ^= 1;
      return {from_away(pair.b, data)};
    }
    case Drop::replayed: {
      pair.connect();
      return {from_away(pair.b, sealed(pair, 0, Pair::to_b()))};
    }
    case Drop::inner_malformed:
      pair.connect();
      return {pair.b.from_outside(sealed(pair, 5, Packet(64, 0x77)), pair.at_a)};
    case Drop::source_not_allowed: {
      pair.connect();
      const Packet inner = udp_packet({.source = "10.0.0.99", .destination = "10.0.0.2"});
      return {pair.b.from_outside(sealed(pair, 5, inner), pair.at_a)};
    }
    case Drop::ecn_mismatch:
      pair.connect();
      return {pair.b.from_outside(sealed(pair, 5, Pair::to_b()), pair.at_a, Load::normal, 3)};

    case Drop::not_ip:
      return {unchanged(pair.a, [&] { return pair.a.from_inside(Packet(100, 0x77)); })};
    case Drop::no_peer_for_destination:
      return {unchanged(
          pair.a, [&] { return pair.a.from_inside(udp_packet({.source = "10.0.0.1", .destination = "10.0.0.99"})); })};
    case Drop::no_peer_for_multicast:
      return {unchanged(pair.a, [&] {
        return pair.a.from_inside(udp_packet({.source = "10.0.0.1", .destination = "224.0.0.251"}));
      })};
    case Drop::no_endpoint:
      return {unchanged(pair.b, [&] { return pair.b.from_inside(Pair::to_a()); })};
    case Drop::routing_loop: {
      pair.a.tell([&](Device& d, Actions& a) {
        d.add_allowed_ip(pair.b_of_a, prefix("192.0.2.0/24"), a);
        a.post(change::PortSet{1001});
      });
      const Packet own =
          udp_packet({.source = "192.0.2.1", .destination = "192.0.2.2", .from_port = 1001, .to_port = 1002});
      return {unchanged(pair.a, [&] { return pair.a.from_inside(own); })};
    }
    case Drop::too_big:
      return elsewhere(
          "engine: a packet that no datagram can hold is counted and goes no further; one that just fits leaves");
    case Drop::staging_full:
      for (int i = 0; i < 129; ++i) pair.a.from_inside(Pair::to_b());
      return {staged(pair, drop)};
    case Drop::handshake_gave_up:
      pair.a.from_inside(Pair::to_b());
      while (pair.a.peer(pair.b_of_a).pending) {
        pair.a.sleep();
        pair.a.timers();
      }
      return {staged(pair, drop)};
    case Drop::interface_down: {
      const wire::Initiation call = first_call(pair);
      pair.b.tell([&](Device& d, Actions& a) { d.set_link(pair.clock.now(), Link::down, a); });
      return {from_away(pair.b, octets_of(call))};
    }

    case Drop::blocked_by_firewall:
    case Drop::outside_unreachable:
    case Drop::outside_send_failed:
      return elsewhere("io: errors of sending count under the name that tells where to look");
    case Drop::inside_write_failed:
      return elsewhere("engine: packets that the inside does not take are counted, and heard all the same");
    case Drop::count_:
      break;
  }
  return {};
}

}  // namespace

TEST_CASE("every reason to drop can be produced") {
  for (std::size_t i = 0; i < kDropCount; ++i) {
    const auto drop = static_cast<Drop>(i);
    CAPTURE(name(drop));
    const Produced produced = produce(drop);
    if (produced.elsewhere.empty()) CHECK(produced.step.dropped(drop));
  }
}

TEST_CASE("what the core drops by itself is produced here") {
  std::size_t here = 0;
  for (std::size_t i = 0; i < kDropCount; ++i) here += produce(static_cast<Drop>(i)).elsewhere.empty() ? 1u : 0u;
  CHECK(here == 33);
}
