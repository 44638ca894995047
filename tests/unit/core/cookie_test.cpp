// SPDX-License-Identifier: MIT
#include "cookie.hpp"

#include <doctest/doctest.h>

#include "golden.hpp"
#include "hash.hpp"
#include "ip_packets.hpp"
#include "seeded_entropy.hpp"

using namespace culvert;
using namespace culvert::test;
using namespace std::chrono_literals;

namespace {

constexpr Instant kStart{1000s};
constexpr Duration kInstant = 1ns;

const PublicKey& peer() {
  static const PublicKey key = public_key(kResponderPublic);
  return key;
}

/// The two ends, and a message between them.
struct Ends {
  CookieChecker checker;
  CookieHolder holder;
  SeededEntropy entropy;
  Endpoint from = endpoint("192.0.2.7:51820");
  wire::Initiation message = wire::load<wire::Initiation>(unhex(kGoldenPsk.initiation));

  Ends() { checker.set_identity(peer()); }

  wire::CookieReply reply(Instant now) {
    return checker.make_reply(now, message.sender, message.macs.mac1, from, entropy);
  }
  void stamp(Instant now) { holder.stamp(now, peer(), message); }
  /// A cookie demanded and taken at this instant.
  void exchange(Instant now) {
    stamp(now);
    REQUIRE(holder.take(now, peer(), reply(now)));
  }
};

bool is_zero(const Octets<16>& octets) { return octets == Octets<16>{}; }

}  // namespace

TEST_CASE("mac1 fits the recorded messages") {
  CookieChecker responder;
  responder.set_identity(public_key(kResponderPublic));
  CookieChecker initiator;
  initiator.set_identity(public_key(kInitiatorPublic));
  for (const GoldenHandshake& golden : {kGoldenPsk, kGoldenNoPsk}) {
    const auto initiation = wire::load<wire::Initiation>(unhex(golden.initiation));
    const auto response = wire::load<wire::Response>(unhex(golden.response));
    CHECK(responder.mac1_fits(initiation));
    CHECK(initiator.mac1_fits(response));
    CHECK_FALSE(initiator.mac1_fits(initiation));
    CHECK_FALSE(responder.mac1_fits(response));
  }
}

TEST_CASE("mac1 refuses every single wrong bit before it and in it") {
  const Ends ends;
  std::vector<std::uint8_t> octets = unhex(kGoldenPsk.initiation);
  for (std::size_t bit = 0; bit < (148 - 16) * 8; ++bit) {
    octets[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    CAPTURE(bit);
    CHECK_FALSE(ends.checker.mac1_fits(wire::load<wire::Initiation>(octets)));
    octets[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
  }
  CHECK(ends.checker.mac1_fits(wire::load<wire::Initiation>(octets)));
}

TEST_CASE("without a cookie mac2 is zero, with one it proves the address") {
  Ends ends;
  ends.stamp(kStart);
  CHECK(is_zero(ends.message.macs.mac2));
  CHECK_FALSE(ends.checker.mac2_fits(kStart, ends.message, ends.from));
  ends.exchange(kStart);
  ends.stamp(kStart + 5s);
  CHECK_FALSE(is_zero(ends.message.macs.mac2));
  CHECK(ends.checker.mac2_fits(kStart + 5s, ends.message, ends.from));
}

TEST_CASE("a cookie is good for one address and one port") {
  Ends ends;
  ends.exchange(kStart);
  ends.stamp(kStart);
  REQUIRE(ends.checker.mac2_fits(kStart, ends.message, ends.from));
  for (const char* other :
       {"192.0.2.7:51821", "192.0.2.7:20180", "192.0.2.8:51820", "[::c000:207]:51820", "[c000:207::]:51820"}) {
    CAPTURE(other);
    CHECK_FALSE(ends.checker.mac2_fits(kStart, ends.message, endpoint(other)));
  }
}

TEST_CASE("a cookie for an IPv6 address counts all its octets") {
  Ends ends;
  ends.from = endpoint("[2001:db8::1:2:3:4]:51820");
  ends.exchange(kStart);
  ends.stamp(kStart);
  CHECK(ends.checker.mac2_fits(kStart, ends.message, ends.from));
  for (std::size_t octet = 0; octet < 16; ++octet) {
    Endpoint other = ends.from;
    other.address.octets[octet] ^= 1;
    CHECK_FALSE(ends.checker.mac2_fits(kStart, ends.message, other));
  }
}

TEST_CASE("mac2 refuses every single wrong bit of what it covers and of itself") {
  Ends ends;
  ends.exchange(kStart);
  ends.stamp(kStart);
  const Bytes whole = wire::octets(ends.message);
  std::vector<std::uint8_t> octets(whole.begin(), whole.end());
  for (std::size_t bit = 0; bit < octets.size() * 8; ++bit) {
    octets[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    CAPTURE(bit);
    CHECK_FALSE(ends.checker.mac2_fits(kStart, wire::load<wire::Initiation>(octets), ends.from));
    octets[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
  }
}

TEST_CASE("the cookie secret dies after two minutes, to the nanosecond") {
  Ends ends;
  ends.exchange(kStart);
  ends.stamp(kStart + 100s);
  CHECK(ends.checker.mac2_fits(kStart + 120s - kInstant, ends.message, ends.from));
  CHECK_FALSE(ends.checker.mac2_fits(kStart + 120s, ends.message, ends.from));
}

TEST_CASE("a reply after two minutes comes from a new secret, and one before from the same") {
  Ends ends;
  ends.exchange(kStart);
  ends.exchange(kStart + 120s - kInstant);  // no new life for the secret
  ends.stamp(kStart + 120s - kInstant);
  const wire::Initiation old = ends.message;
  CHECK(ends.checker.mac2_fits(kStart + 120s - kInstant, old, ends.from));
  ends.exchange(kStart + 120s);
  CHECK_FALSE(ends.checker.mac2_fits(kStart + 120s, old, ends.from));
  ends.stamp(kStart + 120s);
  CHECK(ends.checker.mac2_fits(kStart + 120s, ends.message, ends.from));
  CHECK(ends.checker.mac2_fits(kStart + 240s - kInstant, ends.message, ends.from));
}

TEST_CASE("a cookie is used for 115 seconds, to the nanosecond") {
  Ends ends;
  ends.exchange(kStart);
  ends.stamp(kStart + 115s - kInstant);
  CHECK_FALSE(is_zero(ends.message.macs.mac2));
  ends.stamp(kStart + 115s);
  CHECK(is_zero(ends.message.macs.mac2));
}

TEST_CASE("nobody's mac2 fits while there is no secret: not before the first reply, not after a new identity") {
  Ends ends;
  const auto forge = [&] {  // what an all-zero secret would give
    const Octets<32> zero{};
    const Octets<2> port{0xca, 0x6c};
    const Octets<16> cookie = crypto::mac(zero, {ends.from.address.bytes(), port});
    ends.message.macs.mac2 = crypto::mac(cookie, {wire::before_mac2(ends.message)});
  };
  forge();
  CHECK_FALSE(ends.checker.mac2_fits(kStart, ends.message, ends.from));
  CHECK_FALSE(ends.checker.mac2_fits(Instant{}, ends.message, ends.from));

  ends.exchange(kStart);
  ends.stamp(kStart);
  REQUIRE(ends.checker.mac2_fits(kStart, ends.message, ends.from));
  ends.checker.set_identity(public_key(kInitiatorPublic));
  CHECK_FALSE(ends.checker.mac2_fits(kStart, ends.message, ends.from));
  forge();
  CHECK_FALSE(ends.checker.mac2_fits(kStart, ends.message, ends.from));
}

TEST_CASE("two replies to one message carry one cookie under two nonces") {
  Ends ends;
  ends.stamp(kStart);
  const wire::CookieReply first = ends.reply(kStart);
  const wire::CookieReply second = ends.reply(kStart);
  CHECK(first.nonce != second.nonce);
  CHECK(first.cookie != second.cookie);
  CHECK(hex(wire::octets(first)).starts_with("0300000004030201"));
  CookieHolder twin;
  twin.stamp(kStart, peer(), ends.message);
  REQUIRE(ends.holder.take(kStart, peer(), first));
  REQUIRE(twin.take(kStart, peer(), second));
  wire::Initiation a = ends.message;
  wire::Initiation b = ends.message;
  ends.holder.stamp(kStart, peer(), a);
  twin.stamp(kStart, peer(), b);
  CHECK(a.macs.mac2 == b.macs.mac2);
}

TEST_CASE("a reply is taken once, and never before anything was sent") {
  Ends ends;
  const auto early = ends.holder.take(kStart, peer(), ends.reply(kStart));
  REQUIRE_FALSE(early);
  CHECK(early.error() == Drop::unexpected_cookie);
  ends.stamp(kStart);
  const wire::CookieReply reply = ends.reply(kStart);
  REQUIRE(ends.holder.take(kStart, peer(), reply));
  const auto again = ends.holder.take(kStart, peer(), reply);
  REQUIRE_FALSE(again);
  CHECK(again.error() == Drop::unexpected_cookie);
}

TEST_CASE("a reply to an earlier message, or under another key, is refused, and the true one is still taken") {
  Ends ends;
  ends.stamp(kStart);
  const wire::CookieReply earlier = ends.reply(kStart);
  ends.message.sender = 5;
  ends.stamp(kStart);
  const auto old = ends.holder.take(kStart, peer(), earlier);
  REQUIRE_FALSE(old);
  CHECK(old.error() == Drop::bad_cookie_tag);

  const wire::CookieReply reply = ends.reply(kStart);
  const auto wrong_peer = ends.holder.take(kStart, public_key(kInitiatorPublic), reply);
  REQUIRE_FALSE(wrong_peer);
  CHECK(wrong_peer.error() == Drop::bad_cookie_tag);
  ends.stamp(kStart);
  CHECK(is_zero(ends.message.macs.mac2));
  CHECK(ends.holder.take(kStart, peer(), reply));
}

TEST_CASE("a reply with any wrong bit in its nonce or cookie is refused, and the true one is still taken") {
  Ends ends;
  ends.stamp(kStart);
  const wire::CookieReply reply = ends.reply(kStart);
  const Bytes whole = wire::octets(reply);
  std::vector<std::uint8_t> octets(whole.begin(), whole.end());
  for (std::size_t bit = 8 * 8; bit < octets.size() * 8; ++bit) {
    octets[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    CAPTURE(bit);
    const auto taken = ends.holder.take(kStart, peer(), wire::load<wire::CookieReply>(octets));
    REQUIRE_FALSE(taken);
    CHECK(taken.error() == Drop::bad_cookie_tag);
    octets[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
  }
  CHECK(ends.holder.take(kStart, peer(), reply));
}

TEST_CASE("responses are stamped like initiations") {
  Ends ends;
  auto response = wire::load<wire::Response>(unhex(kGoldenPsk.response));
  ends.holder.stamp(kStart, peer(), response);
  CHECK(ends.checker.mac1_fits(response));
  CHECK(is_zero(response.macs.mac2));
  const auto reply = ends.checker.make_reply(kStart, response.sender, response.macs.mac1, ends.from, ends.entropy);
  REQUIRE(ends.holder.take(kStart, peer(), reply));
  ends.holder.stamp(kStart, peer(), response);
  CHECK(ends.checker.mac2_fits(kStart, response, ends.from));
  CHECK_FALSE(ends.checker.mac2_fits(kStart, response, endpoint("192.0.2.7:51821")));
}
