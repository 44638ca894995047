// SPDX-License-Identifier: MIT
#include "uapi_parse.hpp"

#include <cerrno>
#include <doctest/doctest.h>

#include <map>

using namespace culvert;
using namespace culvert::control;

namespace {

const std::string kHexA(64, 'a');
const std::string kHexB(64, 'b');
const std::string kHexZero(64, '0');

Octets<32> all(std::uint8_t octet) {
  Octets<32> octets;
  octets.fill(octet);
  return octets;
}

bool holds(const Secret<32>& secret, const Octets<32>& expected) {
  return ct_equal<32>(secret.bytes(), std::span<const std::uint8_t, 32>(expected));
}

SetRequest request(const std::string& lines) {
  auto operation = parse_operation("set=1\n" + lines + "\n");
  if (!operation) FAIL(operation.error().message());
  REQUIRE(std::holds_alternative<SetRequest>(*operation));
  return std::get<SetRequest>(std::move(*operation));
}

UapiError refusal_of_text(const std::string& text, ScopeLookup lookup = nullptr) {
  auto operation = parse_operation(text, lookup);
  REQUIRE_MESSAGE(!operation, text);
  return operation.error();
}

/// Refusal of one line that follows `before`.
UapiError refusal(const std::string& line, const std::string& before = "") {
  return refusal_of_text("set=1\n" + before + line + "\n\n");
}

const std::string kPeer = "public_key=" + kHexA + "\n";

}  // namespace

TEST_CASE("get=1 and an empty line ask for the device") {
  const auto operation = parse_operation("get=1\n\n");
  REQUIRE(operation);
  CHECK(std::holds_alternative<GetRequest>(*operation));
}

TEST_CASE("a set without lines changes nothing") {
  const SetRequest set = request("");
  CHECK(!set.private_key);
  CHECK(!set.listen_port);
  CHECK(!set.fwmark);
  CHECK(!set.replace_peers);
  CHECK(set.peers.empty());
}

TEST_CASE("device keys reach their fields") {
  const SetRequest set =
      request("private_key=" + kHexA + "\nlisten_port=51820\nfwmark=4294967295\nreplace_peers=true\n");
  REQUIRE(set.private_key);
  CHECK(holds(set.private_key->secret, all(0xaa)));
  CHECK(set.listen_port == 51820);
  CHECK(set.fwmark == 4294967295u);
  CHECK(set.replace_peers);
}

TEST_CASE("zeros are values of their own: no key, any port, no mark, no preshared key, no keepalive") {
  const SetRequest set = request("private_key=" + kHexZero + "\nlisten_port=0\nfwmark=0\n" + kPeer +
                                 "preshared_key=" + kHexZero + "\npersistent_keepalive_interval=0\n");
  REQUIRE(set.private_key);
  CHECK(set.private_key->secret.is_zero());
  CHECK(set.listen_port == 0);
  CHECK(set.fwmark == 0u);
  REQUIRE(set.peers.size() == 1);
  REQUIRE(set.peers[0].preshared_key);
  CHECK(set.peers[0].preshared_key->secret.is_zero());
  CHECK(set.peers[0].persistent_keepalive == std::chrono::seconds(0));
}

TEST_CASE("peer keys reach the peer whose public_key came last") {
  const SetRequest set = request(kPeer + "update_only=true\npreshared_key=" + kHexB +
                                 "\nendpoint=192.0.2.1:51820\npersistent_keepalive_interval=65535\n"
                                 "replace_allowed_ips=true\nallowed_ip=10.0.0.0/8\nallowed_ip=-2001:db8::/32\n"
                                 "protocol_version=1\npublic_key=" +
                                 kHexB + "\nremove=true\n");
  REQUIRE(set.peers.size() == 2);
  const PeerChange& first = set.peers[0];
  CHECK(first.public_key.octets == all(0xaa));
  CHECK(first.update_only);
  CHECK(!first.remove);
  CHECK(first.replace_allowed_ips);
  REQUIRE(first.preshared_key);
  CHECK(holds(first.preshared_key->secret, all(0xbb)));
  REQUIRE(first.endpoint);
  CHECK(first.endpoint->address.octets == Octets<16>{192, 0, 2, 1});
  CHECK(first.endpoint->port == 51820);
  CHECK(first.persistent_keepalive == std::chrono::seconds(65535));
  REQUIRE(first.allowed_ips.size() == 2);
  CHECK(first.allowed_ips[0].action == AllowedIpChange::Action::add);
  CHECK(first.allowed_ips[0].prefix.length == 8);
  CHECK(first.allowed_ips[1].action == AllowedIpChange::Action::remove);
  CHECK(first.allowed_ips[1].prefix.address.family == Family::v6);

  const PeerChange& second = set.peers[1];
  CHECK(second.public_key.octets == all(0xbb));
  CHECK(second.remove);
  CHECK(!second.update_only);
  CHECK(!second.replace_allowed_ips);
  CHECK(!second.preshared_key);
  CHECK(!second.endpoint);
  CHECK(!second.persistent_keepalive);
  CHECK(second.allowed_ips.empty());
}

TEST_CASE("host bits of an allowed IP are cleared") {
  const SetRequest set = request(kPeer + "allowed_ip=10.1.2.3/8\n");
  CHECK(set.peers.at(0).allowed_ips.at(0).prefix.address.octets == Octets<16>{10});
}

TEST_CASE("replace_allowed_ips also drops what this message said before it, as lines count in their order") {
  const SetRequest set = request(kPeer + "allowed_ip=10.0.0.0/8\nreplace_allowed_ips=true\nallowed_ip=10.2.0.0/16\n");
  REQUIRE(set.peers.at(0).allowed_ips.size() == 1);
  CHECK(set.peers[0].allowed_ips[0].prefix.length == 16);
  CHECK(set.peers[0].replace_allowed_ips);
}

TEST_CASE("the last of a repeated device key counts") {
  CHECK(request("listen_port=1\nlisten_port=2\n").listen_port == 2);
}

TEST_CASE("hexadecimal digits of both cases are read") {
  const SetRequest set = request("private_key=" + std::string(64, 'A') + "\n");
  CHECK(holds(set.private_key->secret, all(0xaa)));
}

TEST_CASE("values outside their form are refused with EINVAL, their line and their key") {
  const struct {
    std::string before, key, value;
  } cases[] = {
      {"", "private_key", ""},
      {"", "private_key", std::string(63, 'a')},
      {"", "private_key", std::string(65, 'a')},
      {"", "private_key", std::string(66, 'a')},
      {"", "private_key", std::string(63, 'a') + "g"},
      {"", "private_key", " " + std::string(63, 'a')},
      {"", "private_key", std::string(31, 'a') + ":" + std::string(32, 'a')},
      {"", "listen_port", "65536"},
      {"", "listen_port", "-1"},
      {"", "listen_port", "+1"},
      {"", "listen_port", ""},
      {"", "listen_port", "0x10"},
      {"", "listen_port", " 1"},
      {"", "listen_port", "1 "},
      {"", "listen_port", "1\r"},
      {"", "fwmark", "4294967296"},
      {"", "fwmark", "off"},
      {"", "fwmark", "99999999999999999999999999"},
      {"", "replace_peers", "false"},
      {"", "replace_peers", "True"},
      {"", "replace_peers", ""},
      {"", "public_key", std::string(62, 'a')},
      {"", "public_key", ""},
      {kPeer, "preshared_key", std::string(63, 'a') + "z"},
      {kPeer, "endpoint", "example.org:51820"},
      {kPeer, "endpoint", "192.0.2.1"},
      {kPeer, "endpoint", "192.0.2.1:65536"},
      {kPeer, "endpoint", "2001:db8::1:51820x"},
      {kPeer, "endpoint", "[fe80::1%eth0]:51820"},
      {kPeer, "endpoint", ""},
      {kPeer, "persistent_keepalive_interval", "65536"},
      {kPeer, "persistent_keepalive_interval", "off"},
      {kPeer, "replace_allowed_ips", "1"},
      {kPeer, "allowed_ip", "10.0.0.0"},
      {kPeer, "allowed_ip", "10.0.0.0/33"},
      {kPeer, "allowed_ip", "::/129"},
      {kPeer, "allowed_ip", "10.0.0/8"},
      {kPeer, "allowed_ip", "--10.0.0.0/8"},
      {kPeer, "allowed_ip", "-"},
      {kPeer, "allowed_ip", ""},
      {kPeer, "remove", "yes"},
      {kPeer, "update_only", "false"},
      {kPeer, "protocol_version", "2"},
      {kPeer, "protocol_version", "01"},
  };
  for (const auto& c : cases) {
    CAPTURE(c.key);
    CAPTURE(c.value);
    const UapiError error = refusal(c.key + "=" + c.value, c.before);
    CHECK(error.error == EINVAL);
    CHECK(error.verb == Verb::set);
    CHECK(error.line == (c.before.empty() ? 2 : 3));
    CHECK(error.key == c.key);
    CHECK(!error.reason.empty());
    CHECK(error.connection == UapiError::Connection::stays);
  }
}

TEST_CASE("a zero octet inside a value does not hide what follows it") {
  const std::string nul(1, '\0');
  CHECK(refusal("listen_port=1" + nul + "2").error == EINVAL);
  CHECK(refusal("allowed_ip=10.0.0.0/8" + nul, kPeer).error == EINVAL);
  CHECK(refusal("endpoint=192.0.2.1" + nul + ":1", kPeer).error == EINVAL);
}

TEST_CASE("unknown keys are refused in both sections, and get keys are not set keys") {
  for (const std::string key : {"colour", "", "errno", "Listen_port", "get", "set"}) {
    CAPTURE(key);
    CHECK(refusal(key + "=1").error == EINVAL);
    CHECK(refusal(key + "=1", kPeer).error == EINVAL);
  }
  for (const std::string key : {"rx_bytes", "tx_bytes", "last_handshake_time_sec", "last_handshake_time_nsec"}) {
    CAPTURE(key);
    CHECK(refusal(key + "=1", kPeer).error == EINVAL);
  }
}

TEST_CASE("device keys must come before the first peer") {
  for (const std::string& line : {"private_key=" + kHexB, std::string("listen_port=1"), std::string("fwmark=1"),
                                  std::string("replace_peers=true")}) {
    const UapiError error = refusal(line, kPeer);
    CHECK(error.error == EINVAL);
    CHECK(error.reason.find("before the first peer") != std::string::npos);
  }
}

TEST_CASE("peer keys need a peer") {
  for (const std::string line :
       {"allowed_ip=10.0.0.0/8", "remove=true", "protocol_version=1", "endpoint=192.0.2.1:1"}) {
    const UapiError error = refusal(line);
    CHECK(error.error == EINVAL);
    CHECK(error.reason.find("no public_key") != std::string::npos);
  }
}

TEST_CASE("a public_key must not repeat in one message") {
  const UapiError error = refusal("public_key=" + kHexA, kPeer + "public_key=" + kHexB + "\n");
  CHECK(error.error == EINVAL);
  CHECK(error.line == 4);
  // The case of the digits makes no other peer.
  CHECK(refusal("public_key=" + std::string(64, 'A'), kPeer).error == EINVAL);
}

TEST_CASE("a line without '=' is a protocol error, and stays out of the error's text") {
  const UapiError error = refusal(kHexB);
  CHECK(error.error == EPROTO);
  CHECK(error.message().find("bbbb") == std::string::npos);
}

TEST_CASE("no error text holds a value, and a key comes out printable and short") {
  CHECK(refusal("private_key=" + kHexB + "c").message().find("bbbb") == std::string::npos);
  CHECK(refusal("endpoint=secret-host:1", kPeer).message().find("secret-host") == std::string::npos);
  const UapiError error = refusal("a\x1b[31m\x7f" + std::string(3000, 'x') + "=1");
  CHECK(error.key.size() <= 40);
  CHECK(error.key.substr(0, 7) == "a?[31m?");
  CHECK(error.message().substr(0, 10) == "line 2, a?");
}

TEST_CASE("the first error is the one that is told") {
  const UapiError error = refusal_of_text("set=1\nlisten_port=1\nfwmark=x\nlisten_port=y\nnonsense\n\n");
  CHECK(error.line == 3);
  CHECK(error.key == "fwmark");
  CHECK(error.message() == "line 3, fwmark: not a decimal number up to 4294967295");
}

TEST_CASE("get takes no further lines") {
  const UapiError error = refusal_of_text("get=1\nlisten_port=1\n\n");
  CHECK(error.error == EINVAL);
  CHECK(error.verb == Verb::get);
}

TEST_CASE("another first line closes the connection") {
  for (const std::string first :
       {"get=2", "set=", "GET / HTTP/1.1", "", "set=1\r", "set=1 ", " set=1", "private_key=1"}) {
    CAPTURE(first);
    const UapiError error = refusal_of_text(first + "\n\n");
    CHECK(error.verb == Verb::unknown);
    CHECK(error.line == 1);
    CHECK(error.connection == UapiError::Connection::closes);
    CHECK(error.error == (first.find('=') == std::string::npos ? EPROTO : EINVAL));
  }
}

TEST_CASE("an operation without its empty line is not one") {
  for (const std::string text : {"", "set=1", "set=1\n", "set=1\nlisten_port=1", "set=1\nlisten_port=1\n", "get=1\n"}) {
    CAPTURE(text);
    const UapiError error = refusal_of_text(text);
    CHECK(error.error == EPROTO);
    CHECK(error.connection == UapiError::Connection::closes);
  }
}

TEST_CASE("text after the empty line is an error for one operation's text") {
  CHECK(refusal_of_text("set=1\n\nget=1\n\n").error == EPROTO);
  CHECK(refusal_of_text("get=1\n\n\n").error == EPROTO);
}

TEST_CASE("the host half tells bounds, each on its own, and 0 for the usual") {
  auto operation =
      parse_operation("set=1\nlimit_peers=7\nlimit_handshakes_per_second=0\nlimit_staged_packets=4294967295\n\n");
  REQUIRE(operation.has_value());
  const LimitsChange& limits = std::get<SetRequest>(*operation).limits;
  CHECK(limits.peers == 7u);
  CHECK(limits.handshakes_per_second == 0u);
  CHECK(limits.staged_packets == 4294967295u);
  operation = parse_operation("set=1\nlimit_peers=7\n\n");
  REQUIRE(operation.has_value());
  CHECK(!std::get<SetRequest>(*operation).limits.staged_packets);
  for (const std::string bad : {"limit_peers=", "limit_peers=-1", "limit_peers=4294967296", "limit_=1"})
    CHECK(refusal_of_text("set=1\n" + bad + "\n\n").error == EINVAL);
  CHECK(refusal_of_text("set=1\n" + kPeer + "limit_peers=1\n\n").reason.find("device") != std::string::npos);
}

TEST_CASE("the host half tells that the network is another one") {
  auto operation = parse_operation("set=1\nnetwork_changed=true\n\n");
  REQUIRE(operation.has_value());
  CHECK(std::get<SetRequest>(*operation).network_changed);
  CHECK(refusal_of_text("set=1\nnetwork_changed=1\n\n").error == EINVAL);
}

TEST_CASE("the host half names a peer and says why it is blocked") {
  for (const auto& [text, blocked] : std::map<std::string, Blocked>{
           {"none", Blocked::no}, {"disabled", Blocked::disabled}, {"expired", Blocked::expired}}) {
    auto operation = parse_operation("set=1\n" + kPeer + "name=alice's laptop\nblocked=" + text + "\n\n");
    REQUIRE(operation);
    const PeerChange& peer = std::get<SetRequest>(*operation).peers.at(0);
    CHECK(peer.name == "alice's laptop");
    CHECK(peer.blocked == blocked);
  }
  for (const std::string bad : {"blocked=", "blocked=true", "name=a\tb", "name=Jos\xe9", "name=\xc2\x9b"})
    CHECK(refusal_of_text("set=1\n" + kPeer + bad + "\n\n").error == EINVAL);
  CHECK(refusal_of_text("set=1\n" + kPeer + "name=" + std::string(65, 'x') + "\n\n").error == EINVAL);
  CHECK(refusal_of_text("set=1\nname=x\n\n").error == EINVAL);
}

TEST_CASE("the scope of a link-local endpoint may be an interface's name when somebody knows names") {
  const ScopeLookup lookup = [](std::string_view name) noexcept { return name == "eth0" ? std::uint32_t{7} : 0; };
  auto operation = parse_operation("set=1\n" + kPeer + "endpoint=[fe80::1%eth0]:51820\n\n", lookup);
  REQUIRE(operation);
  const auto& endpoint = std::get<SetRequest>(*operation).peers.at(0).endpoint;
  REQUIRE(endpoint);
  CHECK(endpoint->scope_id == 7);
  CHECK(endpoint->port == 51820);
  const UapiError unknown = refusal_of_text("set=1\n" + kPeer + "endpoint=[fe80::1%eth1]:51820\n\n", lookup);
  CHECK(unknown.reason == "no interface of the name after '%'");
  for (const std::string value : {"[fe80::1%eth1]:51820", "[fe80::1%]:51820", "[fe80::1%eth0]",
                                  "[fe80::1%eth0]:", "fe80::1%eth0:1", "[%eth0]:1", "]:%eth0", "%", "[x%eth0]:1"}) {
    CAPTURE(value);
    CHECK(refusal_of_text("set=1\n" + kPeer + "endpoint=" + value + "\n\n", lookup).error == EINVAL);
  }
}

TEST_CASE("finish leaves a parser that knows nothing of the operation before") {
  OperationParser parser;
  for (const std::string& line : {std::string("set=1"), "public_key=" + kHexA, std::string("nonsense"), std::string()})
    parser.take(line);
  CHECK(parser.complete());
  CHECK(!parser.finish());
  CHECK(!parser.complete());
  for (const std::string& line : {std::string("set=1"), "public_key=" + kHexA, std::string()}) parser.take(line);
  const auto operation = parser.finish();
  REQUIRE(operation);
  CHECK(std::get<SetRequest>(*operation).peers.size() == 1);
}
