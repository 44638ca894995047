// SPDX-License-Identifier: MIT
#include "status_document.hpp"

#include <doctest/doctest.h>

using namespace culvert::cli;

TEST_CASE("a status document is read with all that it tells") {
  const auto status = parse_status(R"({
    "interface": "wg0", "link": "up", "publicKey": "PUB", "listenPort": 51820, "fwmark": 51820,
    "strangers": {"networks": [{"lastFrom": "192.0.2.7:1", "reasons": {"bad_mac1": 2}}, {"lastFrom": "192.0.2.6:1", "reasons": {"not_wireguard": 2}}], "keys": [{"publicKey": "KEY3", "lastFrom": "192.0.2.9:7", "count": 2}]},
    "control": {"drops": {"bad_mac1": 2}}, "lanes": [{"drops": {"replayed": 7, "bad_mac1": 1}}, {"drops": {}}],
    "peers": {"KEY1": {"name": "alice", "endpoint": "192.0.2.1:5", "latestHandshake": 1700000000, "transferRx": 18446744073709551615,
              "transferTx": 2, "persistentKeepalive": 25, "allowedIps": ["10.0.0.2/32", "fd00::2/128"], "state": "up", "stateName": "up",
              "lastProblem": {"text": "no answer", "advice": "wait", "time": 1600000000}, "roundTripMs": 1.5,
              "lossHere": {"lost": 3, "of": 400, "seconds": 61}},
              "KEY2": {"transferRx": 0, "transferTx": 0, "allowedIps": []}}})");
  REQUIRE(status);
  CHECK(status->name == "wg0");
  CHECK(status->link == "up");
  CHECK(status->public_key == "PUB");
  CHECK(status->listen_port == 51820);
  CHECK(status->fwmark == 51820);
  REQUIRE(status->peers.size() == 2);
  const PeerStatus& alice = status->peers[0];
  CHECK(alice.public_key == "KEY1");
  CHECK(alice.name == "alice");
  CHECK(alice.endpoint == "192.0.2.1:5");
  CHECK(alice.latest_handshake == 1'700'000'000);
  CHECK(alice.received == ~std::uint64_t{0});
  CHECK(alice.sent == 2);
  CHECK(alice.persistent_keepalive == 25);
  CHECK(alice.allowed_ips == std::vector<std::string>{"10.0.0.2/32", "fd00::2/128"});
  CHECK(alice.state == "up");
  CHECK(alice.state_name == "up");
  CHECK(alice.problem == "no answer");
  CHECK(alice.advice == "wait");
  CHECK(alice.problem_at == 1'600'000'000);
  CHECK(alice.round_trip_ms == 1.5);
  REQUIRE(alice.loss_here);
  CHECK(alice.loss_here->lost == 3);
  CHECK(alice.loss_here->of == 400);
  CHECK(alice.loss_here->seconds == 61);
  CHECK_FALSE(status->peers[1].loss_here);
  CHECK(status->peers[1].latest_handshake == 0);
  REQUIRE(status->strangers.size() == 2);
  CHECK(status->strangers[1].public_key.empty());
  CHECK(status->strangers[1].from == "192.0.2.7:1");
  CHECK(status->strangers[0].public_key == "KEY3");
  CHECK(status->strangers[0].from == "192.0.2.9:7");
  REQUIRE(status->drops.size() == 2);
  CHECK(status->drops[0] == std::pair<std::string, std::uint64_t>{"replayed", 7});
  CHECK(status->drops[1] == std::pair<std::string, std::uint64_t>{"bad_mac1", 3});
}

TEST_CASE("what is missing, or of another type, is empty") {
  const auto status = parse_status(R"({"interface": 7, "listenPort": 70000, "fwmark": -1, "lanes": 3, "control": [],
    "peers": {"K": {"endpoint": null, "latestHandshake": "then", "transferRx": -5, "allowedIps": [1, "a"]}, "L": 3}})");
  REQUIRE(status);
  CHECK(status->name.empty());
  CHECK(status->listen_port == 0);
  CHECK(status->fwmark == 0);
  REQUIRE(status->peers.size() == 1);
  CHECK(status->peers[0].latest_handshake == 0);
  CHECK(status->peers[0].received == 0);
  CHECK(status->peers[0].allowed_ips == std::vector<std::string>{"a"});
}

TEST_CASE("times that no clock shows are not told") {
  const auto status = parse_status(R"({"peers": {"K": {"latestHandshake": -9223372036854775808, "sessionAge": -1,
    "total": {"rx": 1, "since": 253402300800}, "lastProblem": {"text": "x", "time": 9223372036854775807}}}})");
  REQUIRE(status);
  const PeerStatus& peer = status->peers.at(0);
  CHECK(peer.latest_handshake == 0);
  CHECK(peer.session_age == 0);
  CHECK(peer.total.value().since == 0);
  CHECK(peer.problem_at == 0);
}

TEST_CASE("what is no document is refused") {
  for (const char* wrong : {"", "{", "[]", "7", "{\"a\":1}}"}) CHECK_FALSE(parse_status(wrong));
  CHECK(parse_status("{}"));
}

TEST_CASE("a peer's state is the daemon's word, or else what its handshake tells") {
  PeerStatus peer;
  CHECK(state_of(peer, 1000).text == "never connected");
  CHECK(state_of(peer, 1000).grade == PeerState::Grade::waiting);
  peer.latest_handshake = 1000;
  CHECK(state_of(peer, 1179).text == "up");
  CHECK(state_of(peer, 1179).grade == PeerState::Grade::good);
  CHECK(state_of(peer, 990).text == "up");  // a clock that was set back
  CHECK(state_of(peer, 1180).text == "idle for 3 minutes");
  CHECK(state_of(peer, 1180).grade == PeerState::Grade::waiting);
  peer.state = "blocked: expired";
  CHECK(state_of(peer, 1001).text == "blocked: expired");
  CHECK(state_of(peer, 1001).grade == PeerState::Grade::bad);
  peer.state = "idle: no traffic, and no session";
  peer.state_name = "idle";
  CHECK(state_of(peer, 1001).grade == PeerState::Grade::waiting);
  peer.state = "up\n";
  peer.state_name = "up";
  CHECK(state_of(peer, 1001).grade == PeerState::Grade::good);
  CHECK(state_of(peer, 1001).text == "up?");
}

TEST_CASE("a peer is called by its name, or by its key's first characters") {
  PeerStatus peer;
  peer.public_key = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";
  CHECK(title_of(peer) == "hSDwCYkw…");
  peer.name = "alice";
  CHECK(title_of(peer) == "alice");
}

TEST_CASE("the host half tells its file, and the tables that it chose") {
  const auto host = parse_host_status(R"({"config": "/x/wg0.conf", "table": 51820, "firewallTable": "culvert-wg0"})");
  REQUIRE(host);
  CHECK(host->config == "/x/wg0.conf");
  CHECK(host->table == 51820);
  CHECK(host->firewall_table == "culvert-wg0");
  CHECK_FALSE(parse_host_status("[]"));
}
