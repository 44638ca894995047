// SPDX-License-Identifier: MIT
#include "handshake.hpp"

#include <doctest/doctest.h>

#include "cookie.hpp"
#include "golden.hpp"

using namespace culvert;
using namespace culvert::test;

namespace {

const KeyPair& initiator() {
  static const KeyPair pair = key_pair(kInitiatorPrivate);
  return pair;
}
const KeyPair& responder() {
  static const KeyPair pair = key_pair(kResponderPrivate);
  return pair;
}
const Secret<32>& static_shared() {
  static const Secret<32> value = shared(initiator(), responder().public_key);
  return value;
}

MadeInitiation golden_initiation(const GoldenHandshake& golden) {
  auto made =
      make_initiation(initiator(), responder().public_key, static_shared(), key_pair(golden.initiator_ephemeral),
                      unhex_array<12>(kGoldenStamp), wire_index(kGoldenInitiatorIndex));
  REQUIRE(made);
  return std::move(*made);
}

VerifiedInitiation verified(const wire::Initiation& message) {
  auto claim = claim_initiation(responder(), message);
  REQUIRE(claim);
  auto result = verify_initiation(std::move(*claim), static_shared());
  REQUIRE(result);
  return std::move(*result);
}

MadeResponse golden_response(const GoldenHandshake& golden) {
  auto made = make_response(verified(golden_initiation(golden).message), preshared(golden.psk),
                            key_pair(golden.responder_ephemeral), wire_index(kGoldenResponderIndex));
  REQUIRE(made);
  return std::move(*made);
}

/// The octets that the functions of the handshake fill: all but the two MACs.
std::string without_macs(std::string_view hexadecimal) {
  return std::string(hexadecimal.substr(0, hexadecimal.size() - 64));
}

}  // namespace

static_assert(!std::is_copy_constructible_v<PendingInitiation>);
static_assert(!std::is_copy_constructible_v<SessionKeys>);

TEST_CASE("an initiation from fixed keys is the recorded one, octet by octet") {
  for (const GoldenHandshake& golden : {kGoldenPsk, kGoldenNoPsk}) {
    MadeInitiation made = golden_initiation(golden);
    CHECK(hex(wire::before_mac1(made.message)) == without_macs(golden.initiation));
    CookieHolder().stamp({}, responder().public_key, made.message);
    CHECK(hex(wire::octets(made.message)) == golden.initiation);
  }
}

TEST_CASE("a response from fixed keys is the recorded one, octet by octet") {
  for (const GoldenHandshake& golden : {kGoldenPsk, kGoldenNoPsk}) {
    MadeResponse made = golden_response(golden);
    CHECK(hex(wire::before_mac1(made.message)) == without_macs(golden.response));
    CookieHolder().stamp({}, initiator().public_key, made.message);
    CHECK(hex(wire::octets(made.message)) == golden.response);
  }
}

TEST_CASE("both sides derive the recorded transport keys, each its own way round") {
  for (const GoldenHandshake& golden : {kGoldenPsk, kGoldenNoPsk}) {
    const MadeResponse made = golden_response(golden);
    CHECK(hex(made.keys.receive.bytes()) == golden.from_initiator);
    CHECK(hex(made.keys.send.bytes()) == golden.from_responder);

    const auto recorded = wire::load<wire::Response>(unhex(golden.response));
    const auto keys = read_response(golden_initiation(golden).pending, initiator(), preshared(golden.psk), recorded);
    REQUIRE(keys);
    CHECK(hex(keys->send.bytes()) == golden.from_initiator);
    CHECK(hex(keys->receive.bytes()) == golden.from_responder);
  }
}

TEST_CASE("the derived keys open the recorded packets, and seal the same octets") {
  for (const GoldenHandshake& golden : {kGoldenPsk, kGoldenNoPsk}) {
    const MadeResponse made = golden_response(golden);
    for (const GoldenPacket& packet : golden.packets) {
      const std::vector<std::uint8_t> datagram = unhex(packet.datagram);
      std::vector<std::uint8_t> plaintext(datagram.size() - 32);
      CHECK(crypto::open(made.keys.receive, packet.counter, Bytes(datagram).subspan(16), {}, plaintext));
      CHECK(hex(plaintext) == packet.plaintext);
      CHECK(hex(data_message(made.keys.receive, wire_index(kGoldenResponderIndex), packet.counter, plaintext)) ==
            packet.datagram);
    }
  }
}

TEST_CASE("an initiation tells its reader who called, when, and from which index") {
  const auto message = wire::load<wire::Initiation>(unhex(kGoldenPsk.initiation));
  const auto claim = claim_initiation(responder(), message);
  REQUIRE(claim);
  CHECK(hex(claim->static_key.bytes()) == kInitiatorPublic);
  const VerifiedInitiation v = verified(message);
  CHECK(hex(v.static_key.bytes()) == kInitiatorPublic);
  CHECK(hex(v.timestamp) == kGoldenStamp);
  CHECK(v.sender == 0x01020304);
  CHECK(v.ephemeral == key_pair(kGoldenPsk.initiator_ephemeral).public_key);
}

TEST_CASE("an initiation for another responder does not open") {
  const KeyPair other = key_pair("9876543210987654321098765432109876543210987654321098765432109870");
  const auto claim = claim_initiation(other, wire::load<wire::Initiation>(unhex(kGoldenPsk.initiation)));
  REQUIRE_FALSE(claim);
  CHECK(claim.error() == Drop::bad_static_tag);
}

TEST_CASE("whoever only knows the peer's public key cannot prove to be that peer") {
  // A stranger seals the victim's public key and can compute all but DH(static, static).
  const Secret<32> wrong = secret("1111111111111111111111111111111111111111111111111111111111111111");
  const KeyPair stranger{key_pair(kGoldenPsk.responder_ephemeral).private_key.clone(), public_key(kInitiatorPublic)};
  const auto forged = make_initiation(stranger, responder().public_key, wrong, key_pair(kGoldenPsk.initiator_ephemeral),
                                      unhex_array<12>(kGoldenStamp), 7);
  REQUIRE(forged);
  auto claim = claim_initiation(responder(), forged->message);
  REQUIRE(claim);
  CHECK(hex(claim->static_key.bytes()) == kInitiatorPublic);
  const auto result = verify_initiation(std::move(*claim), static_shared());
  REQUIRE_FALSE(result);
  CHECK(result.error() == Drop::bad_timestamp_tag);
}

TEST_CASE("a response under another preshared key is refused, and the true one still fits") {
  const MadeInitiation made = golden_initiation(kGoldenPsk);
  const auto recorded = wire::load<wire::Response>(unhex(kGoldenPsk.response));
  for (const std::string_view wrong : {kGoldenNoPsk.psk, kGoldenPsk.initiator_ephemeral}) {
    const auto refused = read_response(made.pending, initiator(), preshared(wrong), recorded);
    REQUIRE_FALSE(refused);
    CHECK(refused.error() == Drop::bad_response_tag);
  }
  CHECK(read_response(made.pending, initiator(), preshared(kGoldenPsk.psk), recorded));
}

TEST_CASE("a response of somebody who does not hold the responder's key is refused") {
  // The stranger sees the initiation but reads nothing in it; the transcript that they can make up is another one.
  const MadeInitiation made = golden_initiation(kGoldenNoPsk);
  VerifiedInitiation made_up;
  made_up.static_key = initiator().public_key;
  made_up.ephemeral.octets = made.message.ephemeral;
  made_up.sender = made.message.sender;
  const auto forged =
      make_response(std::move(made_up), preshared(kGoldenNoPsk.psk), key_pair(kGoldenNoPsk.responder_ephemeral), 9);
  REQUIRE(forged);
  const auto keys = read_response(made.pending, initiator(), preshared(kGoldenNoPsk.psk), forged->message);
  REQUIRE_FALSE(keys);
  CHECK(keys.error() == Drop::bad_response_tag);
}

TEST_CASE("a response that answers another initiation of ours is refused") {
  const auto other =
      make_initiation(initiator(), responder().public_key, static_shared(), key_pair(kGoldenNoPsk.initiator_ephemeral),
                      unhex_array<12>(kGoldenStamp), wire_index(kGoldenInitiatorIndex));
  REQUIRE(other);
  const auto recorded = wire::load<wire::Response>(unhex(kGoldenPsk.response));
  const auto keys = read_response(other->pending, initiator(), preshared(kGoldenPsk.psk), recorded);
  REQUIRE_FALSE(keys);
  CHECK(keys.error() == Drop::bad_response_tag);
}

TEST_CASE("no handshake with a responder whose key is of low order: es") {
  for (const std::string_view point : kLowOrderPoints) {
    CAPTURE(point);
    const auto made = make_initiation(initiator(), public_key(point), static_shared(),
                                      key_pair(kGoldenPsk.initiator_ephemeral), unhex_array<12>(kGoldenStamp), 1);
    REQUIRE_FALSE(made);
    CHECK(made.error() == Drop::zero_shared_secret);
  }
}

TEST_CASE("an initiation with an ephemeral of low order is refused before anything is opened: es") {
  for (const std::string_view point : kLowOrderPoints) {
    CAPTURE(point);
    wire::Initiation message = golden_initiation(kGoldenPsk).message;
    message.ephemeral = public_key(point).octets;
    const auto claim = claim_initiation(responder(), message);
    REQUIRE_FALSE(claim);
    CHECK(claim.error() == Drop::zero_shared_secret);
  }
}

TEST_CASE("no response to an initiator with a key of low order, ephemeral (ee) or static (se)") {
  for (const std::string_view point : kLowOrderPoints) {
    for (PublicKey VerifiedInitiation::*weak : {&VerifiedInitiation::ephemeral, &VerifiedInitiation::static_key}) {
      CAPTURE(point);
      VerifiedInitiation v = verified(golden_initiation(kGoldenPsk).message);
      v.*weak = public_key(point);
      const auto made =
          make_response(std::move(v), preshared(kGoldenPsk.psk), key_pair(kGoldenPsk.responder_ephemeral), 2);
      REQUIRE_FALSE(made);
      CHECK(made.error() == Drop::zero_shared_secret);
    }
  }
}

TEST_CASE("a response with an ephemeral of low order is refused: ee and se") {
  const MadeInitiation made = golden_initiation(kGoldenPsk);
  for (const std::string_view point : kLowOrderPoints) {
    CAPTURE(point);
    auto message = wire::load<wire::Response>(unhex(kGoldenPsk.response));
    message.ephemeral = public_key(point).octets;
    const auto keys = read_response(made.pending, initiator(), preshared(kGoldenPsk.psk), message);
    REQUIRE_FALSE(keys);
    CHECK(keys.error() == Drop::zero_shared_secret);
  }
}
