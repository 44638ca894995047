// SPDX-License-Identifier: MIT
// Jobs whose mathematics take their time: what changes between the steps decides, and a refusal changes nothing.
#include "handshake_job.hpp"

#include <doctest/doctest.h>

#include "device.hpp"
#include "fingerprint.hpp"
#include "node.hpp"

using namespace culvert;
using namespace culvert::test;
using namespace std::chrono_literals;

namespace {

const Endpoint kFrom = endpoint("192.0.2.1:1001");
constexpr std::string_view kOtherPrivate = "a8abababababababababababababababababababababababababababababab6b";

/// A pair, and b's or a's jobs held between two steps.
struct Held {
  Pair pair;
  Actions actions;

  HandshakeJob begun(Node& node, Bytes datagram, const Endpoint& from) {
    auto job = node.device.begin(datagram, from, std::nullopt, actions);
    REQUIRE(job);
    REQUIRE(*job);
    compute(**job);
    return **std::move(job);
  }
  Device::Step commit(Node& node, HandshakeJob job) {
    return node.device.commit(pair.clock.now(), std::move(job), actions);
  }
  /// An initiation of a's, for which b has computed the response and not committed it.
  HandshakeJob answered() {
    const Step call = pair.a.report(report::SessionWanted{pair.b_of_a});
    auto next = commit(pair.b, begun(pair.b, call.outside.at(0).octets, pair.at_a));
    REQUIRE(next);
    REQUIRE(*next);
    compute(**next);
    return **std::move(next);
  }
  /// A response to a's initiation that a has read and not committed.
  HandshakeJob read() {
    const Step answer = pair.hand_to_b(pair.a.report(report::SessionWanted{pair.b_of_a}));
    return begun(pair.a, answer.outside.at(0).octets, pair.at_b);
  }
  void refused(Node& node, HandshakeJob job, Drop why) {
    const std::string before = fingerprint(node);
    actions = {};
    const auto outcome = commit(node, std::move(job));
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error() == why);
    CHECK(actions.outgoing.empty());
    CHECK(actions.posts.empty());
    CHECK(fingerprint(node) == before);
  }
};

void set_key(Node& node, std::string_view key) {
  node.tell([&](Device& d, Actions& a) { d.set_private_key({}, private_key(key), a); });
}

}  // namespace

TEST_CASE("steps that are far apart make the same handshake as one call") {
  Held held;
  HandshakeJob answer = held.answered();
  held.pair.clock.advance(3s);
  held.actions = {};
  const auto done = held.commit(held.pair.b, std::move(answer));
  REQUIRE(done);
  CHECK_FALSE(*done);
  REQUIRE(held.actions.outgoing.size() == 1);
  const Bytes response = Bytes(held.actions.outgoing[0].octets).first(held.actions.outgoing[0].size);
  HandshakeJob finish = held.begun(held.pair.a, response, held.pair.at_b);
  held.actions = {};
  REQUIRE(held.commit(held.pair.a, std::move(finish)));
  const Peer& a_of_b = *held.pair.b.device.peer(held.pair.a_of_b);
  const Peer& b_of_a = *held.pair.a.device.peer(held.pair.b_of_a);
  REQUIRE(b_of_a.sessions.current);
  REQUIRE(a_of_b.sessions.next);
  CHECK(hex(b_of_a.sessions.current->keys.send.bytes()) == hex(a_of_b.sessions.next->keys.receive.bytes()));
  CHECK(b_of_a.sessions.current->remote_index == a_of_b.sessions.next->local_index);
}

TEST_CASE("a peer that was removed meanwhile gets no response, nor does the one that came in its place") {
  Held held;
  HandshakeJob job = held.answered();
  held.pair.b.tell([&](Device& d, Actions& a) { d.remove_peer(held.pair.a_of_b, a); });
  held.pair.b.add(kInitiatorPublic, std::nullopt, {});
  held.refused(held.pair.b, std::move(job), Drop::unknown_peer);
}

TEST_CASE("under another key, or under none, the message was not for us") {
  for (const bool claimed_only : {true, false}) {
    CAPTURE(claimed_only);
    Held held;
    const Step call = held.pair.a.report(report::SessionWanted{held.pair.b_of_a});
    HandshakeJob job = held.begun(held.pair.b, call.outside.at(0).octets, held.pair.at_a);
    if (!claimed_only) {
      auto next = held.commit(held.pair.b, std::move(job));
      REQUIRE(next);
      job = **std::move(next);
      compute(job);
    }
    set_key(held.pair.b, kOtherPrivate);
    held.refused(held.pair.b, std::move(job), Drop::bad_mac1);
  }
  Held held;
  HandshakeJob job = held.answered();
  held.pair.b.tell([](Device& d, Actions& a) { d.set_private_key({}, {}, a); });
  held.refused(held.pair.b, std::move(job), Drop::bad_mac1);
}

TEST_CASE("of two initiations that were under way together, the one that is committed first wins if it is the newer") {
  Held held;
  HandshakeJob older = held.answered();
  held.pair.clock.advance(6s);  // a tries again
  const Step retry = held.pair.a.timers();
  auto next = held.commit(held.pair.b, held.begun(held.pair.b, retry.outside.at(0).octets, held.pair.at_a));
  REQUIRE(next);
  HandshakeJob newer = **std::move(next);
  compute(newer);
  REQUIRE(held.commit(held.pair.b, std::move(newer)));
  held.refused(held.pair.b, std::move(older), Drop::old_timestamp);
}

TEST_CASE("the same initiation twice at once is answered once") {
  Held held;
  const Step call = held.pair.a.report(report::SessionWanted{held.pair.b_of_a});
  std::vector<HandshakeJob> jobs;
  for (int i = 0; i < 2; ++i) {
    auto next = held.commit(held.pair.b, held.begun(held.pair.b, call.outside.at(0).octets, held.pair.at_a));
    REQUIRE(next);
    compute(**next);
    jobs.push_back(**std::move(next));
  }
  REQUIRE(held.commit(held.pair.b, std::move(jobs[0])));
  held.refused(held.pair.b, std::move(jobs[1]), Drop::old_timestamp);
}

TEST_CASE("an index that was taken meanwhile is drawn again") {
  Held held;
  HandshakeJob job = held.answered();
  const std::uint32_t wanted = std::get<AnswerJob>(job.step).index;
  held.pair.b.add("a4e2f3c87dc8a5b3aab4c0c4d5b3bb5c6a8f2ab64d7cb9c2a4ab1f4f3c1d2e3f", kFrom, {});
  const PeerId other =
      *held.pair.b.device.find(public_key("a4e2f3c87dc8a5b3aab4c0c4d5b3bb5c6a8f2ab64d7cb9c2a4ab1f4f3c1d2e3f"));
  held.pair.b.entropy.script(std::bit_cast<Octets<4>>(le32(wanted)));
  REQUIRE(held.pair.b.report(report::SessionWanted{other}).outside.size() == 1);
  REQUIRE(held.pair.b.device.peer(other)->pending->local_index == wanted);
  REQUIRE(held.commit(held.pair.b, std::move(job)));
  const SessionRef& session = held.pair.b.device.peer(held.pair.a_of_b)->sessions.next;
  REQUIRE(session);
  CHECK(session->local_index != wanted);
  const auto sent = wire::load<wire::Response>(Bytes(held.actions.outgoing.back().octets).first(92));
  CHECK(sent.sender == session->local_index);
}

TEST_CASE("while the interface is down nothing is committed") {
  Held held;
  HandshakeJob job = held.answered();
  held.pair.b.tell([&](Device& d, Actions& a) { d.set_link(held.pair.clock.now(), Link::down, a); });
  held.refused(held.pair.b, std::move(job), Drop::interface_down);
}

TEST_CASE("a response counts for the initiation that it answers, and once") {
  {
    Held held;
    HandshakeJob job = held.read();
    held.pair.clock.advance(6s);
    REQUIRE(held.pair.a.timers().outside.size() == 1);  // another initiation is pending now
    held.refused(held.pair.a, std::move(job), Drop::unexpected_response);
  }
  Held held;
  const Step answer = held.pair.hand_to_b(held.pair.a.report(report::SessionWanted{held.pair.b_of_a}));
  HandshakeJob first = held.begun(held.pair.a, answer.outside.at(0).octets, held.pair.at_b);
  HandshakeJob second = held.begun(held.pair.a, answer.outside.at(0).octets, held.pair.at_b);
  REQUIRE(held.commit(held.pair.a, std::move(first)));
  held.refused(held.pair.a, std::move(second), Drop::unexpected_response);
}

TEST_CASE("what does not authenticate is refused with the reason that the mathematics gave") {
  Held held;
  const Step answer = held.pair.hand_to_b(held.pair.a.report(report::SessionWanted{held.pair.b_of_a}));
  Packet forged = answer.outside.at(0).octets;
  forged[44] ^= 1;  // the sealed nothing
  held.refused(held.pair.a, held.begun(held.pair.a, forged, held.pair.at_b), Drop::bad_response_tag);
}

TEST_CASE("ephemeral keys are prepared up to a bound, with an identity only, and used before new ones are made") {
  Held held;
  int prepared = 0;
  while (held.pair.b.device.prepare_ephemeral()) ++prepared;
  CHECK(prepared == 64);
  const std::size_t drawn = held.pair.b.entropy.filled();
  const HandshakeJob job = held.answered();
  CHECK(std::get<AnswerJob>(job.step).ephemeral_public);
  CHECK(held.pair.b.entropy.filled() == drawn + 4);  // the index alone
  CHECK(held.pair.b.device.prepare_ephemeral());
  CHECK_FALSE(held.pair.b.device.prepare_ephemeral());
  Node nobody{held.pair.clock, "", 3};
  CHECK_FALSE(nobody.device.prepare_ephemeral());
}
