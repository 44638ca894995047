// SPDX-License-Identifier: MIT
// Configuration calls, indices and what `wg show` reads. Handshakes: device_handshake_test.cpp. Time:
// device_timers_test.cpp.
#include "device.hpp"

#include <doctest/doctest.h>

#include "node.hpp"

using namespace culvert;
using namespace culvert::test;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view kZeroKey = "0000000000000000000000000000000000000000000000000000000000000000";
constexpr std::string_view kThirdPrivate = "a8abababababababababababababababababababababababababababababab6b";

std::string public_of(std::string_view private_hexadecimal) {
  return hex(key_pair(private_hexadecimal).public_key.bytes());
}

template <class C>
std::vector<C> changes(const Actions& actions) {
  std::vector<C> result;
  for (const Post& post : actions.posts)
    if (const C* change = std::get_if<C>(&post.change)) result.push_back(*change);
  return result;
}

}  // namespace

// Identity

TEST_CASE("the private key is clamped, and the public key follows from it") {
  TestClock clock;
  Node node(clock, "", 1);
  CHECK_FALSE(node.device.has_identity());
  Octets<32> loose = unhex_array<32>(kInitiatorPrivate);
  loose[0] |= 7;
  loose[31] = static_cast<std::uint8_t>(loose[31] | 0x80);
  node.tell([&](Device& d, Actions& a) { d.set_private_key(clock.now(), {Secret<32>(loose)}, a); });
  CHECK(node.device.has_identity());
  CHECK(hex(node.device.identity().public_key.bytes()) == kInitiatorPublic);
  CHECK(hex(node.device.identity().private_key.secret.bytes()) == kInitiatorPrivate);
}

TEST_CASE("without a private key a device neither calls nor answers") {
  Pair pair;
  const Step call = pair.a.from_inside(Pair::to_b());
  REQUIRE(call.outside.size() == 1);
  pair.b.tell([&](Device& d, Actions& a) { d.set_private_key(pair.clock.now(), private_key(kZeroKey), a); });
  CHECK_FALSE(pair.b.device.has_identity());
  CHECK(pair.b.device.identity().public_key == PublicKey{});
  CHECK(pair.hand_to_b(call).dropped(Drop::no_identity));
  pair.b.tell([&](Device& d, Actions& a) { d.set_endpoint(pair.a_of_b, pair.at_a, a); });
  CHECK(pair.b.from_inside(Pair::to_a()).silent());
  CHECK_FALSE(pair.b.peer(pair.a_of_b).static_shared);
  pair.b.tell([&](Device& d, Actions& a) { d.set_private_key(pair.clock.now(), private_key(kResponderPrivate), a); });
  CHECK(pair.hand_to_b(call).outside.size() == 1);
}

TEST_CASE("an initiation for the key of zeros is not answered either") {
  // Whoever knows that the key is zero can compute all that its owner could.
  TestClock clock;
  Node node(clock, "", 1);
  node.add(kInitiatorPublic, std::nullopt, {});
  Caller caller(kInitiatorPrivate, public_of(kZeroKey));
  const MadeInitiation call = caller.call(clock.mono(), clock.now().wall);
  CHECK(node.from_outside(octets_of(call.message), endpoint("192.0.2.9:9")).dropped(Drop::no_identity));
  Actions actions;  // as if it had been screened under an earlier key
  CHECK_FALSE(node.device.handle(clock.now(), octets_of(call.message), endpoint("192.0.2.9:9"), std::nullopt,
                                 Load::normal, actions));
  CHECK(actions.outgoing.empty());
}

TEST_CASE("a new private key ends all sessions and the handshake under way, at once") {
  Pair pair;
  pair.connect();
  const Step old_data = pair.b.from_inside(Pair::to_a());
  pair.clock.advance(121s);
  const Step data_and_call = pair.a.from_inside(Pair::to_b());  // renews
  REQUIRE(data_and_call.outside.size() == 2);
  const Step answer = pair.hand_to_b(data_and_call);
  pair.a.tell([&](Device& d, Actions& a) { d.set_private_key(pair.clock.now(), private_key(kThirdPrivate), a); });
  CHECK(pair.a.peer(pair.b_of_a).sessions.empty());
  CHECK(pair.a.peer(pair.b_of_a).pending == nullptr);
  CHECK(pair.a.lanes[0].find(pair.b_of_a)->sessions.empty());
  CHECK(pair.hand_to_a(old_data).dropped(Drop::unknown_index));
  CHECK(pair.hand_to_a(answer).dropped(Drop::bad_mac1));
}

TEST_CASE("whoever was being called is called at once under a new key, and gets what waits") {
  Pair pair;
  CHECK(pair.a.from_inside(Pair::to_b()).outside.size() == 1);  // lost
  pair.clock.advance(1s);
  (void)pair.b.add(public_of(kThirdPrivate), std::nullopt, {"10.0.0.1/32"});
  CHECK(pair.a.tell([&](Device& d, Actions& a) { d.set_private_key(pair.clock.now(), private_key(kThirdPrivate), a); })
            .silent());
  CHECK(pair.a.device.next_deadline() == pair.clock.mono());
  const Step call = pair.a.timers();
  REQUIRE(call.outside.size() == 1);
  CHECK(pair.run(call).inside.size() == 1);
}

TEST_CASE("nobody is called under a new key who was not being called") {
  Pair pair;
  pair.connect();
  pair.a.tell([&](Device& d, Actions& a) { d.set_private_key(pair.clock.now(), private_key(kThirdPrivate), a); });
  CHECK(pair.a.timers().silent());
  CHECK_FALSE(pair.a.peer(pair.b_of_a).initiation_wanted);
}

TEST_CASE("a peer with our own new key is removed") {
  Pair pair;
  pair.connect();
  const PeerId third = pair.a.add(public_of(kThirdPrivate), std::nullopt, {"10.0.0.3/32"});
  CHECK(pair.a.device.peer_count() == 2);
  pair.a.tell([&](Device& d, Actions& a) { d.set_private_key(pair.clock.now(), private_key(kThirdPrivate), a); });
  CHECK(pair.a.device.peer_count() == 1);
  CHECK(pair.a.device.peer(third) == nullptr);
  CHECK_FALSE(pair.a.device.find(public_key(public_of(kThirdPrivate))));
  CHECK(pair.a.device.peer(pair.b_of_a) != nullptr);
  CHECK(pair.a.lanes[0].find(third) == nullptr);
}

TEST_CASE("the same private key again, clamped or not, disturbs nothing") {
  Pair pair;
  pair.connect();
  Octets<32> loose = unhex_array<32>(kInitiatorPrivate);
  loose[0] |= 7;
  for (const Octets<32>& key : {unhex_array<32>(kInitiatorPrivate), loose}) {
    const Step step =
        pair.a.tell([&](Device& d, Actions& a) { d.set_private_key(pair.clock.now(), {Secret<32>(key)}, a); });
    CHECK(step.silent());
    CHECK(pair.hand_to_b(pair.a.from_inside(Pair::to_b())).inside.size() == 1);
    CHECK(pair.hand_to_a(pair.b.from_inside(Pair::to_a())).inside.size() == 1);
  }
}

TEST_CASE("handshakes work under the new key, with the shared secrets of all peers computed anew") {
  Pair pair;
  pair.connect();
  pair.b.tell([&](Device& d, Actions& a) { d.set_private_key(pair.clock.now(), private_key(kThirdPrivate), a); });
  pair.a.tell([&](Device& d, Actions& a) { d.remove_peer(pair.b_of_a, a); });
  pair.b_of_a = pair.a.add(public_of(kThirdPrivate), pair.at_b, {"10.0.0.2/32"});
  pair.clock.advance(1s);
  pair.connect();
}

// Peers

TEST_CASE("peers are found by key and by id; an id does not outlive its peer") {
  TestClock clock;
  Node node(clock, kInitiatorPrivate, 1);
  const PeerId first = node.add(kResponderPublic, std::nullopt, {});
  CHECK(node.device.find(public_key(kResponderPublic)) == first);
  CHECK(node.device.peer(first)->public_key == public_key(kResponderPublic));
  CHECK_FALSE(node.device.find(public_key(kInitiatorPublic)));
  CHECK(node.device.peer({first.slot + 1, first.generation}) == nullptr);
  CHECK(node.device.peer({first.slot, first.generation + 1}) == nullptr);

  node.tell([&](Device& d, Actions& a) { d.remove_peer(first, a); });
  CHECK(node.device.peer(first) == nullptr);
  CHECK(node.device.peer_count() == 0);
  CHECK_FALSE(node.device.find(public_key(kResponderPublic)));
  const PeerId second = node.add(kResponderPublic, std::nullopt, {});
  CHECK(second.slot == first.slot);
  CHECK(second.generation != first.generation);
  CHECK(node.device.peer(first) == nullptr);
}

TEST_CASE("calls with the id of a removed peer do not touch the next owner of its slot") {
  TestClock clock;
  Node node(clock, kInitiatorPrivate, 1);
  const PeerId gone = node.add(kResponderPublic, std::nullopt, {});
  node.tell([&](Device& d, Actions& a) { d.remove_peer(gone, a); });
  const PeerId next = node.add(public_of(kThirdPrivate), std::nullopt, {"10.0.0.3/32"});
  REQUIRE(next.slot == gone.slot);
  Actions actions;
  Device& d = node.device;
  d.remove_peer(gone, actions);
  d.set_preshared_key(gone, preshared(kGoldenPsk.psk));
  d.set_endpoint(gone, endpoint("192.0.2.9:9"), actions);
  d.set_persistent_keepalive(clock.now(), gone, 10s, actions);
  d.add_allowed_ip(gone, prefix("10.0.0.9/32"), actions);
  d.remove_allowed_ip(gone, prefix("10.0.0.3/32"), actions);
  d.clear_allowed_ips(gone, actions);
  d.handle(clock.now(), report::SessionWanted{gone}, actions);
  d.handle(clock.now(), report::Roamed{gone, endpoint("192.0.2.9:9"), std::nullopt}, actions);
  d.handle(clock.now(), report::Confirmed{gone, 1}, actions);
  CHECK(actions.posts.empty());
  CHECK(actions.outgoing.empty());
  CHECK(actions.events.empty());
  const Peer& peer = node.peer(next);
  CHECK(peer.preshared_key.secret.is_zero());
  CHECK_FALSE(peer.endpoint);
  CHECK(peer.persistent_interval == 0s);
  CHECK(d.allowed_ips().of(next.slot) == std::vector{prefix("10.0.0.3/32")});
}

TEST_CASE("with a peer go its sessions, its handshake and its deadlines") {
  Pair pair;
  pair.connect();
  const Step data = pair.a.from_inside(Pair::to_b());
  pair.clock.advance(121s);
  const Step renewal = pair.a.from_inside(Pair::to_b());
  pair.a.tell([&](Device& d, Actions& a) { d.remove_peer(pair.b_of_a, a); });
  CHECK_FALSE(pair.a.device.next_deadline());
  const Step answer = pair.hand_to_b(renewal);
  REQUIRE(answer.outside.size() == 1);
  CHECK(pair.hand_to_a(answer).dropped(Drop::unexpected_response));
  CHECK(pair.hand_to_a(pair.b.from_inside(Pair::to_a())).dropped(Drop::unknown_index));
  CHECK(pair.a.from_inside(Pair::to_b()).dropped(Drop::no_peer_for_destination));
}

TEST_CASE("every peer is visited once") {
  TestClock clock;
  Node node(clock, kInitiatorPrivate, 1);
  const PeerId first = node.add(kResponderPublic, std::nullopt, {});
  const PeerId second = node.add(public_of(kThirdPrivate), std::nullopt, {});
  std::vector<PeerId> seen;
  node.device.for_each_peer([&](const Peer& peer) { seen.push_back(peer.id); });
  CHECK(seen == std::vector{first, second});
  node.tell([&](Device& d, Actions& a) { d.remove_peer(first, a); });
  seen.clear();
  node.device.for_each_peer([&](const Peer& peer) { seen.push_back(peer.id); });
  CHECK(seen == std::vector{second});
}

TEST_CASE("no handshake with a peer whose key is of low order") {
  TestClock clock;
  Node node(clock, kInitiatorPrivate, 1);
  for (const std::string_view point : kLowOrderPoints) {
    CAPTURE(point);
    const PeerId id = node.add(point, endpoint("192.0.2.2:1002"), {"10.0.0.2/32"});
    CHECK_FALSE(node.peer(id).static_shared);
    CHECK(node.from_inside(Pair::to_b()).dropped(Drop::zero_shared_secret));
    CHECK(node.report(report::SessionWanted{id}).silent());
    clock.advance(20s);
    CHECK(node.timers().silent());
  }
}

// Allowed IPs and endpoints

TEST_CASE("an allowed IP that is given to another peer leaves the first") {
  TestClock clock;
  Node node(clock, kInitiatorPrivate, 1);
  const PeerId first = node.add(kResponderPublic, endpoint("192.0.2.2:2"), {"10.0.0.0/24", "10.0.1.0/24"});
  const PeerId second = node.add(public_of(kThirdPrivate), endpoint("192.0.2.3:3"), {});
  node.tell([&](Device& d, Actions& a) { d.add_allowed_ip(second, prefix("10.0.1.0/24"), a); });
  CHECK(node.device.allowed_ips().of(first.slot) == std::vector{prefix("10.0.0.0/24")});
  CHECK(node.device.allowed_ips().of(second.slot) == std::vector{prefix("10.0.1.0/24")});
  const auto packet = udp_packet({.source = "10.9.9.9", .destination = "10.0.1.1"});
  CHECK((*node.lanes[0].route(packet))->id == second);

  Actions actions;
  node.device.remove_allowed_ip(first, prefix("10.0.1.0/24"), actions);  // not the first one's any more
  CHECK(actions.posts.empty());
  node.tell([&](Device& d, Actions& a) { d.remove_allowed_ip(second, prefix("10.0.1.0/24"), a); });
  CHECK(node.lanes[0].route(packet).error() == Drop::no_peer_for_destination);
}

TEST_CASE("all allowed IPs of one peer go, here and in the lanes, and nobody else's") {
  TestClock clock;
  Node node(clock, kInitiatorPrivate, 1);
  const PeerId first = node.add(kResponderPublic, endpoint("192.0.2.2:2"), {"10.0.0.0/24", "fd00::/64"});
  const PeerId second = node.add(public_of(kThirdPrivate), endpoint("192.0.2.3:3"), {"10.0.1.0/24"});
  Actions actions;
  node.device.clear_allowed_ips(first, actions);
  CHECK(changes<change::AllowedIpRemoved>(actions).size() == 2);
  node.carry_out(std::move(actions));
  CHECK(node.device.allowed_ips().of(first.slot).empty());
  CHECK_FALSE(node.lanes[0].route(udp_packet({.source = "fd00::9", .destination = "fd00::1"})));
  CHECK(node.device.allowed_ips().of(second.slot).size() == 1);
}

TEST_CASE("an endpoint from the configuration replaces one that was learnt, and the source that went with it") {
  Pair pair;
  pair.connect();
  const Source local{address("192.0.2.2"), 4};
  pair.b.report(report::Roamed{pair.a_of_b, endpoint("192.0.2.1:1005"), local});
  CHECK(pair.b.peer(pair.a_of_b).source == local);
  Actions actions;
  pair.b.device.set_endpoint(pair.a_of_b, endpoint("203.0.113.1:5"), actions);
  const auto moved = changes<change::EndpointMoved>(actions);
  REQUIRE(moved.size() == 1);
  CHECK(moved[0].endpoint == endpoint("203.0.113.1:5"));
  CHECK_FALSE(moved[0].source);
  CHECK(pair.b.peer(pair.a_of_b).endpoint == endpoint("203.0.113.1:5"));
  CHECK_FALSE(pair.b.peer(pair.a_of_b).source);
}

// Link

TEST_CASE("nothing is sent or taken before the link is up") {
  TestClock clock;
  SeededEntropy entropy;
  Device device(1, entropy);
  Actions actions;
  device.set_private_key(clock.now(), private_key(kResponderPrivate), actions);
  const auto id = device.add_peer(public_key(kInitiatorPublic), actions);
  device.set_endpoint(*id, endpoint("192.0.2.2:1002"), actions);
  device.set_persistent_keepalive(clock.now(), *id, 10s, actions);
  device.handle(clock.now(), report::SessionWanted{*id}, actions);
  clock.advance(1h);
  device.run_timers(clock.now(), actions);
  CHECK(actions.outgoing.empty());
  CHECK(changes<change::KeepaliveWanted>(actions).empty());
  CHECK_FALSE(device.next_deadline());

  Caller caller(kInitiatorPrivate, kResponderPublic);
  const MadeInitiation call = caller.call(clock.mono(), clock.now().wall);
  const auto refused = device.handle(clock.now(), octets_of(call.message), endpoint("192.0.2.2:1002"), std::nullopt,
                                     Load::heavy, actions);
  REQUIRE_FALSE(refused);
  CHECK(refused.error() == Drop::interface_down);
  CHECK(actions.outgoing.empty());
}

TEST_CASE("when the link goes down, sessions, handshakes, staged packets and instants go; up again starts afresh") {
  Pair pair;
  pair.connect();
  pair.clock.advance(121s);
  const Step renewal = pair.a.from_inside(Pair::to_b());
  REQUIRE(renewal.outside.size() == 2);
  const Step answer = pair.hand_to_b(renewal);
  const Step data = pair.b.from_inside(Pair::to_a());
  pair.a.tell([&](Device& d, Actions& a) { d.set_link(pair.clock.now(), Link::down, a); });
  const Peer& peer = pair.a.peer(pair.b_of_a);
  CHECK(peer.sessions.empty());
  CHECK(peer.pending == nullptr);
  CHECK_FALSE(peer.keys_born);
  CHECK_FALSE(peer.traffic->unheard_since.load());
  CHECK_FALSE(pair.a.device.next_deadline());
  CHECK(pair.hand_to_a(answer).dropped(Drop::interface_down));
  CHECK(pair.hand_to_a(data).dropped(Drop::unknown_index));

  CHECK(pair.a.from_inside(Pair::to_b()).silent());  // staged, and no handshake
  pair.a.tell([&](Device& d, Actions& a) { d.set_link(pair.clock.now(), Link::up, a); });
  CHECK(pair.a.lanes[0].find(pair.b_of_a)->sessions.empty());
  pair.clock.advance(1s);  // less than 5 s after the last initiation
  const Step call = pair.a.from_inside(Pair::to_b());
  CHECK(call.outside.size() == 1);
  CHECK(pair.run(call).inside.size() == 2);
}

TEST_CASE("what a peer sent and never came is known, over sessions and their ends, and never falls") {
  Pair pair;
  pair.connect();
  const auto send = [&](int lost, int come) {
    for (int i = 0; i < lost; ++i) (void)pair.b.from_inside(Pair::to_a());
    for (int i = 0; i < come; ++i) (void)pair.hand_to_a(pair.b.from_inside(Pair::to_a()));
  };
  const auto arrivals = [&] { return pair.a.peer(pair.b_of_a).arrivals(); };
  CHECK(arrivals().expected == 0);
  CHECK_FALSE(arrivals().lately_since);
  send(0, 4);
  send(3, 1);
  CHECK(arrivals().expected == 8);
  CHECK(arrivals().accepted == 5);
  CHECK(arrivals().lately_expected == 8);
  CHECK(arrivals().lately_since == pair.a.peer(pair.b_of_a).sessions.current->born);
  send(2, 0);  // nothing came behind them
  CHECK(arrivals().expected == 8);

  // What is overtaken counts as lost until it comes; what comes twice counts once.
  const Step late = pair.b.from_inside(Pair::to_a());
  send(0, 1);
  CHECK(arrivals().expected - arrivals().accepted == 6);
  (void)pair.hand_to_a(late);
  (void)pair.hand_to_a(late);
  CHECK(arrivals().expected == 12);
  CHECK(arrivals().accepted == 7);

  // Three more sessions: the first is forgotten, and what it counted is not.
  for (int i = 0; i < 3; ++i) {
    pair.clock.advance(121s);
    (void)pair.run(pair.a.from_inside(Pair::to_b()));
    send(1, 1);
  }
  CHECK(arrivals().expected >= 12 + 6);
  CHECK(arrivals().expected - arrivals().accepted == 5 + 3);
  CHECK(arrivals().lately_expected - arrivals().lately_accepted == 2);

  pair.a.tell([&](Device& d, Actions& a) { d.set_link(pair.clock.now(), Link::down, a); });
  CHECK(arrivals().expected - arrivals().accepted == 5 + 3);
  CHECK(arrivals().lately_expected == 0);
}

TEST_CASE("staged packets do not outlive the link, and are counted") {
  Pair pair;
  pair.a.from_inside(Pair::to_b());
  pair.a.from_inside(Pair::to_b());
  pair.a.tell([&](Device& d, Actions& a) { d.set_link(pair.clock.now(), Link::down, a); });
  CHECK(pair.a.lanes[0].drops().of(Way::out, Drop::interface_down) == 2);
  CHECK(pair.a.lanes[0].packets().waiting == 0);
  CHECK(pair.a.lanes[0].take_staged(*pair.a.lanes[0].find(pair.b_of_a)).empty());
}

TEST_CASE(
    "a peer that is blocked loses its sessions at once, calls and is called no more, and comes back when let in") {
  Pair pair;
  pair.connect();
  const auto block = [&](Blocked why) {
    return pair.b.tell([&](Device& d, Actions& a) { d.set_blocked(pair.clock.now(), pair.a_of_b, why, a); });
  };
  for (const Blocked why : {Blocked::disabled, Blocked::expired}) {
    REQUIRE_FALSE(pair.b.peer(pair.a_of_b).sessions.empty());
    CHECK(block(why).silent());
    CHECK(pair.b.peer(pair.a_of_b).sessions.empty());
    for (int i = 0; i < 5 && pair.b.sleep(); ++i) CHECK(pair.b.timers().silent());
    CHECK(pair.hand_to_b(pair.a.from_inside(Pair::to_b())).dropped(Drop::unknown_index));
    CHECK(
        pair.b.from_inside(Pair::to_a()).dropped(why == Blocked::disabled ? Drop::peer_disabled : Drop::peer_expired));
    CHECK(pair.b.lanes[0].packets().waiting == 0);
    CHECK(pair.b.device.allowed_ips().of(pair.a_of_b.slot).size() == 2);

    CHECK(block(Blocked::no).silent());
    pair.clock.advance(1s);
    const Step call = pair.b.from_inside(Pair::to_a());
    REQUIRE(call.outside.size() == 1);
    const Step answered = pair.hand_to_b(pair.hand_to_a(call));
    CHECK(pair.hand_to_a(answered).inside.size() == 1);  // none of those that were for it while it was blocked
  }
}

TEST_CASE("packets wait for no session that cannot come, in any lane, and none is sent when it can") {
  Pair pair(2);
  const auto identity = [&](std::string_view key) {
    pair.a.tell([&](Device& d, Actions& a) { d.set_private_key(pair.clock.now(), private_key(key), a); });
  };
  const auto block = [&](Blocked why) {
    pair.a.tell([&](Device& d, Actions& a) { d.set_blocked(pair.clock.now(), pair.b_of_a, why, a); });
  };
  // Those that wait are dropped, and those that come behind them refused.
  const auto check = [&](Drop why) {
    for (std::size_t lane = 0; lane < 2; ++lane) {
      CAPTURE(lane);
      CHECK(pair.a.lanes[lane].packets().waiting == 0);
      CHECK(pair.a.lanes[lane].drops().of(Way::out, why) == 1);
      CHECK(pair.a.from_inside(Pair::to_b(), lane).dropped(why));
      CHECK(pair.a.lanes[lane].packets().waiting == 0);
    }
  };
  const auto stage = [&] {
    for (std::size_t lane = 0; lane < 2; ++lane) {
      CHECK(pair.a.from_inside(Pair::to_b(), lane).drops.empty());
      CHECK(pair.a.lanes[lane].packets().waiting == 1);
    }
  };
  stage();
  block(Blocked::disabled);
  check(Drop::peer_disabled);
  block(Blocked::expired);
  CHECK(pair.a.from_inside(Pair::to_b()).dropped(Drop::peer_expired));
  block(Blocked::no);
  stage();
  identity(kZeroKey);
  check(Drop::no_identity);
  const PeerId late = pair.a.add(public_of(kThirdPrivate), endpoint("192.0.2.3:3"), {"10.0.0.3/32"});
  const auto to_late = udp_packet({.source = "10.0.0.1", .destination = "10.0.0.3"});
  CHECK(pair.a.from_inside(to_late).dropped(Drop::no_identity));

  identity(kInitiatorPrivate);
  pair.clock.advance(6s);
  CHECK(pair.a.from_inside(to_late).drops.empty());
  CHECK(pair.a.peer(late).pending != nullptr);
  CHECK(pair.run(pair.a.from_inside(Pair::to_b())).inside.size() == 1);
}

TEST_CASE("a link that is up already is not disturbed by coming up") {
  Pair pair;
  pair.connect();
  Actions actions;
  pair.a.device.set_link(pair.clock.now(), Link::up, actions);
  CHECK(actions.posts.empty());
  CHECK(pair.hand_to_b(pair.a.from_inside(Pair::to_b())).inside.size() == 1);
}

// Persistent keepalive

TEST_CASE("turning the persistent keepalive on sends one at once; changing it does not; off ends it") {
  Pair pair;
  pair.connect();
  pair.hand_to_a(pair.b.from_inside(Pair::to_a()));
  const auto set = [&](std::chrono::seconds interval) {
    return pair.a.tell(
        [&](Device& d, Actions& a) { d.set_persistent_keepalive(pair.clock.now(), pair.b_of_a, interval, a); });
  };
  const Step on = set(25s);
  REQUIRE(on.outside.size() == 1);
  CHECK(on.outside[0].octets.size() == 32);
  CHECK(set(25s).silent());
  CHECK(set(10s).silent());
  CHECK(pair.a.device.next_deadline() == pair.clock.mono() + 10s);
  CHECK(set(0s).silent());
  pair.clock.advance(100s);
  CHECK(pair.a.timers().silent());
}

TEST_CASE("when the link comes up, persistent keepalives start at once") {
  Pair pair;
  pair.a.tell([&](Device& d, Actions& a) { d.set_link(pair.clock.now(), Link::down, a); });
  pair.a.tell([&](Device& d, Actions& a) { d.set_persistent_keepalive(pair.clock.now(), pair.b_of_a, 25s, a); });
  CHECK_FALSE(pair.a.device.next_deadline());
  const Step up = pair.a.tell([&](Device& d, Actions& a) { d.set_link(pair.clock.now(), Link::up, a); });
  REQUIRE(up.outside.size() == 1);
  CHECK(up.outside[0].octets.size() == 148);  // no session yet
}

TEST_CASE("an interval that no configuration can name is taken for the nearest that one can") {
  Pair pair;
  pair.connect();
  const auto set = [&](std::chrono::seconds interval) {
    pair.a.tell([&](Device& d, Actions& a) { d.set_persistent_keepalive(pair.clock.now(), pair.b_of_a, interval, a); });
    return pair.a.peer(pair.b_of_a).persistent_interval;
  };
  CHECK(set(std::chrono::seconds::max()) == 65535s);
  CHECK(set(65536s) == 65535s);
  CHECK(set(65535s) == 65535s);
  CHECK(set(-1s) == 0s);
  CHECK(set(std::chrono::seconds::min()) == 0s);
  pair.clock.advance(1s);
  pair.a.timers();  // comes back
}

// Indices

TEST_CASE("the low bits of every index name the peer's lane, whatever the number of lanes") {
  const std::vector<std::pair<std::size_t, std::uint32_t>> masks = {{1, 0}, {2, 1}, {3, 3}, {5, 7}};
  for (const auto& row : masks) {
    const std::size_t lanes = row.first;
    const std::uint32_t mask = row.second;
    CAPTURE(lanes);
    TestClock clock;
    Node callers(clock, kInitiatorPrivate, 5, lanes);
    std::set<std::uint32_t> seen;
    std::uint32_t varying = 0;
    for (std::uint8_t n = 1; n <= 20; ++n) {
      Octets<32> key = unhex_array<32>(kThirdPrivate);
      key[1] = n;
      const PeerId id = callers.add(public_of(hex(key)), endpoint("192.0.2.2:1002"), {});
      const Step call = callers.report(report::SessionWanted{id});
      REQUIRE(call.outside.size() == 1);
      const std::uint32_t index = wire::load<wire::Initiation>(call.outside[0].octets).sender;
      CHECK((index & mask) == id.slot % lanes);
      CHECK(seen.insert(index).second);
      varying |= index ^ *seen.begin();

      Caller answered(hex(key), kInitiatorPublic);
      const MadeInitiation theirs = answered.call(clock.mono(), clock.now().wall);
      const Step answer = callers.from_outside(octets_of(theirs.message), endpoint("192.0.2.2:1002"));
      REQUIRE(answer.outside.size() == 1);
      const std::uint32_t responder_index = wire::load<wire::Response>(answer.outside[0].octets).sender;
      CHECK((responder_index & mask) == id.slot % lanes);
      CHECK(seen.insert(responder_index).second);
    }
    CHECK((varying | mask) == 0xffffffff);  // all other bits are drawn
  }
}

TEST_CASE("an index that is in use is drawn again") {
  Pair pair;
  const Octets<4> taken{1, 2, 3, 4};
  const Octets<4> other{5, 6, 7, 8};
  pair.b.entropy.script(taken);
  Caller first(kInitiatorPrivate, kResponderPublic);
  const Step answer =
      pair.b.from_outside(octets_of(first.call(pair.clock.mono(), {1'700'000'000, 0}).message), pair.at_a);
  CHECK(wire::load<wire::Response>(answer.outside.at(0).octets).sender == wire_index("01020304"));
  pair.clock.advance(1s);
  pair.b.entropy.script(taken);
  pair.b.entropy.script(other);
  const Step again =
      pair.b.from_outside(octets_of(first.call(pair.clock.mono(), {1'700'000'001, 0}).message), pair.at_a);
  CHECK(wire::load<wire::Response>(again.outside.at(0).octets).sender == wire_index("05060708"));
}

TEST_CASE("indices come free with the sessions that had them") {
  // With the index of a dropped session drawn again, it is given again.
  Pair pair;
  const Octets<4> index{1, 2, 3, 4};
  pair.b.entropy.script(index);
  Caller caller(kInitiatorPrivate, kResponderPublic);
  const auto call = [&](std::int64_t second) {
    pair.clock.advance(1s);
    const Step answer =
        pair.b.from_outside(octets_of(caller.call(pair.clock.mono(), {1'700'000'000 + second, 0}).message), pair.at_a);
    return std::uint32_t{wire::load<wire::Response>(answer.outside.at(0).octets).sender};
  };
  CHECK(call(1) == wire_index("01020304"));
  CHECK(call(2) != wire_index("01020304"));  // the first `next` goes
  pair.b.entropy.script(index);
  CHECK(call(3) == wire_index("01020304"));
  pair.b.tell([&](Device& d, Actions& a) { d.set_link(pair.clock.now(), Link::down, a); });
  pair.b.tell([&](Device& d, Actions& a) { d.set_link(pair.clock.now(), Link::up, a); });
  pair.b.entropy.script(index);
  CHECK(call(4) == wire_index("01020304"));
  pair.clock.advance(541s);
  pair.b.timers();
  pair.b.entropy.script(index);
  CHECK(call(1000) == wire_index("01020304"));
}
