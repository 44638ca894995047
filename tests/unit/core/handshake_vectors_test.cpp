// SPDX-License-Identifier: MIT
// Handshakes recorded against wireguard-go, in both roles. Where the recording knows an ephemeral key, what we make
// must be the recorded message octet by octet; where it does not, what was recorded must be readable.
//
// The IKpsk2 vectors of the Noise projects do not fit here: their prologue is another, their payloads are longer than
// a timestamp, and the second one is not empty, while these functions have WireGuard's built in.
#include <vectors.hpp>

#include <doctest/doctest.h>

#include "cookie.hpp"
#include "golden.hpp"
#include "seeded_entropy.hpp"

using namespace culvert;
using namespace culvert::test;
using nlohmann::json;

namespace {

const json& recorded() {
  static const json cases = vectors("wireguard/wg-recorded-handshakes.json").at("cases");
  return cases;
}

std::vector<json> handshakes() {
  std::vector<json> result;
  for (const json& one : recorded())
    if (one.contains("transport")) result.push_back(one);
  return result;
}

const json& named(std::string_view start) {
  for (const json& one : recorded())
    if (one.at("name").get<std::string>().starts_with(start)) return one;
  throw std::out_of_range("no such case");
}

std::string text(const json& one, const char* field) { return one.at(field).get<std::string>(); }
bool knows(const json& one, const char* field) { return one.contains(field) && one.at(field).is_string(); }

template <class Message>
Message message(const json& one, const char* field) {
  const std::vector<std::uint8_t> octets = unhex(text(one, field));
  REQUIRE(octets.size() == sizeof(Message));
  return wire::load<Message>(octets);
}

MadeInitiation made_initiation(const json& one) {
  const KeyPair self = key_pair(text(one, "initiator_static_private"));
  const PublicKey peer = public_key(text(one, "responder_static_public"));
  auto made =
      make_initiation(self, peer, shared(self, peer), key_pair(text(one, "initiator_ephemeral_private")),
                      unhex_array<12>(text(one, "timestamp_tai64n")), wire_index(text(one, "initiator_sender_index")));
  REQUIRE(made);
  CookieHolder().stamp({}, peer, made->message);
  return std::move(*made);
}

VerifiedInitiation verified(const json& one) {
  const KeyPair self = key_pair(text(one, "responder_static_private"));
  auto claim = claim_initiation(self, message<wire::Initiation>(one, "msg_initiation"));
  REQUIRE(claim);
  CHECK(hex(claim->static_key.bytes()) == text(one, "initiator_static_public"));
  auto result = verify_initiation(std::move(*claim), shared(self, claim->static_key));
  REQUIRE(result);
  return std::move(*result);
}

}  // namespace

TEST_CASE("every recorded initiation opens with its sender's key and timestamp") {
  std::size_t checked = 0;
  for (const json& one : handshakes()) {
    CAPTURE(text(one, "name"));
    const VerifiedInitiation v = verified(one);
    CHECK(hex(v.static_key.bytes()) == text(one, "initiator_static_public"));
    CHECK(hex(v.timestamp) == text(one, "timestamp_tai64n"));
    CHECK(v.sender == wire_index(text(one, "msg_initiation").substr(8, 8)));
    ++checked;
  }
  CHECK(checked == 6);
}

TEST_CASE("our initiation from a recorded ephemeral is the recorded message") {
  std::size_t checked = 0;
  for (const json& one : handshakes()) {
    if (!knows(one, "initiator_ephemeral_private")) continue;
    CAPTURE(text(one, "name"));
    CHECK(hex(wire::octets(made_initiation(one).message)) == text(one, "msg_initiation"));
    ++checked;
  }
  CHECK(checked == 4);
}

TEST_CASE("our response from a recorded ephemeral is the recorded message, with the recorded keys") {
  std::size_t checked = 0;
  for (const json& one : handshakes()) {
    if (!knows(one, "responder_ephemeral_private")) continue;
    CAPTURE(text(one, "name"));
    auto made = make_response(verified(one), preshared(text(one, "preshared_key")),
                              key_pair(text(one, "responder_ephemeral_private")),
                              wire_index(text(one, "responder_sender_index")));
    REQUIRE(made);
    CookieHolder().stamp({}, public_key(text(one, "initiator_static_public")), made->message);
    CHECK(hex(wire::octets(made->message)) == text(one, "msg_response"));
    CHECK(hex(made->keys.receive.bytes()) == text(one, "initiator_send_key"));
    CHECK(hex(made->keys.send.bytes()) == text(one, "initiator_recv_key"));
    ++checked;
  }
  CHECK(checked == 4);
}

TEST_CASE("the recorded responses give the recorded keys to the initiator") {
  std::size_t checked = 0;
  for (const json& one : handshakes()) {
    if (!knows(one, "initiator_ephemeral_private")) continue;
    CAPTURE(text(one, "name"));
    const auto keys =
        read_response(made_initiation(one).pending, key_pair(text(one, "initiator_static_private")),
                      preshared(text(one, "preshared_key")), message<wire::Response>(one, "msg_response"));
    REQUIRE(keys);
    CHECK(hex(keys->send.bytes()) == text(one, "initiator_send_key"));
    CHECK(hex(keys->receive.bytes()) == text(one, "initiator_recv_key"));
    ++checked;
  }
  CHECK(checked == 4);
}

TEST_CASE("the keys open every recorded packet, and seal it again to the same octets") {
  std::size_t checked = 0;
  for (const json& one : handshakes()) {
    CAPTURE(text(one, "name"));
    for (const json& packet : one.at("transport")) {
      const bool from_initiator = text(packet, "direction") == "initiator->responder";
      const Secret<32> key = secret(text(one, from_initiator ? "initiator_send_key" : "initiator_recv_key"));
      const std::vector<std::uint8_t> datagram = unhex(text(packet, "packet"));
      REQUIRE(wire::classify(datagram) == wire::Type::data);
      const auto header = wire::load<wire::DataHeader>(datagram);
      CHECK(header.counter == packet.at("counter").get<std::uint64_t>());
      std::vector<std::uint8_t> plaintext(datagram.size() - 32);
      CHECK(crypto::open(key, header.counter, Bytes(datagram).subspan(16), {}, plaintext));
      CHECK(hex(plaintext) == text(packet, "plaintext_padded"));
      CHECK(data_message(key, header.receiver, header.counter, plaintext) == datagram);
      ++checked;
    }
  }
  CHECK(checked == 26);
}

TEST_CASE("the macs of every recorded message fit its receiver, and no other") {
  for (const json& one : handshakes()) {
    CAPTURE(text(one, "name"));
    CookieChecker of_initiator;
    CookieChecker of_responder;
    of_initiator.set_identity(public_key(text(one, "initiator_static_public")));
    of_responder.set_identity(public_key(text(one, "responder_static_public")));
    const auto initiation = message<wire::Initiation>(one, "msg_initiation");
    const auto response = message<wire::Response>(one, "msg_response");
    CHECK(of_responder.mac1_fits(initiation));
    CHECK_FALSE(of_initiator.mac1_fits(initiation));
    CHECK(of_initiator.mac1_fits(response));
    CHECK_FALSE(of_responder.mac1_fits(response));
  }
}

TEST_CASE("wireguard-go's cookie makes the mac2 that wireguard-go accepted") {
  const json& one = named("cookie reply from wireguard-go");
  const KeyPair self = key_pair(text(one, "sender_static_private"));
  const PublicKey peer = public_key(text(one, "receiver_static_public"));
  CookieHolder holder;
  const auto made = [&](const char* which, Instant now) {
    const json& part = one.at(which);
    auto result = make_initiation(self, peer, shared(self, peer), key_pair(text(part, "ephemeral_private")),
                                  unhex_array<12>(text(part, "timestamp")),
                                  wire_index(text(part, "msg_initiation").substr(8, 8)));
    REQUIRE(result);
    holder.stamp(now, peer, result->message);
    CHECK(hex(wire::octets(result->message)) == text(part, "msg_initiation"));
    return std::move(*result);
  };
  const Instant start{std::chrono::seconds(1000)};
  const MadeInitiation first = made("first", start);
  CHECK(hex(first.message.macs.mac1) == text(one.at("first"), "mac1"));

  const auto reply = message<wire::CookieReply>(one, "msg_cookie_reply");
  CHECK(reply.receiver == first.message.sender);
  REQUIRE(holder.take(start, peer, reply));
  const MadeInitiation second = made("second", start + std::chrono::seconds(5));
  CHECK(hex(second.message.macs.mac2) == text(one.at("second"), "mac2"));

  const auto keys = read_response(second.pending, self, preshared(text(one, "preshared_key")),
                                  message<wire::Response>(one.at("second"), "msg_response"));
  REQUIRE(keys);
  CHECK(hex(keys->send.bytes()) == text(one.at("second"), "initiator_send_key"));
}

TEST_CASE("our cookie reply from a recorded secret and nonce is the recorded message, and its mac2 fits") {
  const json& one = named("deterministic cookie reply");
  const json& triggering = named("initiator=oracle responder=wireguard-go psk");
  SeededEntropy entropy;
  entropy.script(unhex(text(one, "cookie_secret_Rm")));
  entropy.script(unhex(text(one, "nonce24")));
  CookieChecker checker;
  checker.set_identity(public_key(text(one, "receiver_static_public")));
  const Octets<4> ip = unhex_array<4>(text(one, "source_ip_be"));
  const Octets<2> port = unhex_array<2>(text(one, "source_port_be"));
  Endpoint from;
  std::copy(ip.begin(), ip.end(), from.address.octets.begin());
  from.port = static_cast<std::uint16_t>(port[0] << 8 | port[1]);

  const Instant now{std::chrono::seconds(1000)};
  const std::string expected = text(one, "msg_cookie_reply");
  const auto reply =
      checker.make_reply(now, wire_index(expected.substr(8, 8)), unhex_array<16>(text(one, "aad_mac1")), from, entropy);
  CHECK(hex(wire::octets(reply)) == expected);

  auto initiation = message<wire::Initiation>(triggering, "msg_initiation");
  CHECK(hex(initiation.macs.mac1) == text(one, "aad_mac1"));
  CHECK_FALSE(checker.mac2_fits(now, initiation, from));
  initiation.macs.mac2 = unhex_array<16>(text(one, "mac2_over_first_132_bytes_of_initiation_0"));
  CHECK(checker.mac2_fits(now, initiation, from));
}

TEST_CASE("no handshake is made with any of the collected keys of low order") {
  const json points = vectors("wireguard/low-order-points.json").at("public_keys_base64");
  const KeyPair self = key_pair(kInitiatorPrivate);
  const Secret<32> any = secret(kGoldenPsk.psk);
  CHECK(points.size() == 7);
  for (const json& point : points) {
    const auto key = parse_public_key(point.get<std::string>());
    REQUIRE(key);
    CHECK(std::ranges::count(kLowOrderPoints, hex(key->bytes())) == 1);
    const auto made = make_initiation(self, *key, any, key_pair(kGoldenPsk.initiator_ephemeral), {}, 1);
    REQUIRE_FALSE(made);
    CHECK(made.error() == Drop::zero_shared_secret);
  }
}
