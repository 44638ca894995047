// SPDX-License-Identifier: MIT
#include "peer_format.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "status_format.hpp"

using namespace culvert;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

const std::string kKey = "IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI=";

json status_of(const engine::PeerReport& report) {
  DeviceSnapshot device;
  PeerSnapshot peer;
  peer.public_key.octets.fill(0x22);
  peer.endpoint = parse_endpoint("192.0.2.7:4500");
  device.peers.push_back(std::move(peer));
  engine::EngineStatus engine;
  engine.peers.push_back(report);
  return json::parse(control::format_status("wg0", device, engine, 0))["peers"][kKey];
}

}  // namespace

TEST_CASE("a peer that is up tells its session's age, its round trip and how its endpoint is known") {
  engine::PeerReport report;
  report.state = PeerState::up;
  report.session_age = 61500ms;
  report.round_trip = 12ms;
  report.last_heard = 2s;
  report.origin = EndpointOrigin::roamed;
  report.initiations_sent = 3;
  report.responses_received = 2;
  report.arrivals = {.expected = 900, .accepted = 800, .lately_expected = 400, .lately_accepted = 388};
  report.lately = 150s;
  const json peer = status_of(report);
  CHECK(peer["state"] == "up");
  CHECK(peer["stateName"] == "up");
  CHECK(peer["sessionAge"] == 61);
  CHECK(peer["roundTripMs"] == 12.0);
  CHECK(peer["lastHeard"] == 2);
  CHECK(peer["lossHere"] == json({{"lost", 12}, {"of", 400}, {"seconds", 150}}));
  CHECK(peer["endpointOrigin"] == "roamed");
  CHECK(peer["handshakes"] == json({{"sent", 3}, {"answered", 2}}));
  CHECK_FALSE(peer.contains("cause"));
  CHECK_FALSE(peer.contains("lastProblem"));
  CHECK_FALSE(peer.contains("drops"));
}

TEST_CASE("a peer that is blocked says why, since when, who said so and what to do") {
  engine::PeerReport report;
  report.state = PeerState::blocked;
  report.cause = ProblemRecord{
      .problem = Problem::unreachable, .count = 4, .wall = {1'700'000'000, 0}, .address = parse_address("192.0.2.254")};
  report.last = report.cause;
  report.last_age = 7s;
  report.drops[static_cast<std::size_t>(Drop::outside_unreachable)] = 5;
  const json peer = status_of(report);
  CHECK(peer["stateName"] == "blocked");
  CHECK(peer["state"] == "blocked: A router says that the endpoint cannot be reached.");
  CHECK(peer["cause"]["name"] == "unreachable");
  CHECK(peer["cause"]["address"] == "192.0.2.254");
  CHECK(peer["cause"]["count"] == 4);
  CHECK(peer["cause"]["time"] == 1'700'000'000);
  CHECK(peer["cause"]["advice"].get<std::string>().find("endpoint's address") != std::string::npos);
  CHECK(peer["lastProblem"]["secondsAgo"] == 7);
  CHECK(peer["drops"] == json({{"outside_unreachable", 5}}));
  CHECK_FALSE(peer.contains("lossHere"));  // nothing came under a session that lives
}

TEST_CASE("each state has words for people") {
  engine::PeerReport report;
  report.state = PeerState::silent;
  report.silent_for = 17900ms;
  CHECK(control::state_text(report) == "silent for 17 s");
  report.state = PeerState::waiting;
  CHECK(control::state_text(report) == "waiting for an answer");
  report.tries = 5;
  CHECK(control::state_text(report) == "waiting for an answer (try 5)");
  report.state = PeerState::idle;
  CHECK(control::state_text(report) == "idle: no traffic, and no session");
  report.state = PeerState::never_connected;
  CHECK(control::state_text(report) == "never connected");
  report.state = PeerState::link_down;
  CHECK(control::state_text(report) == "the interface is down");
}

TEST_CASE("strangers are told with their reasons, and as whom they may be where a peer's endpoint is theirs") {
  DeviceSnapshot device;
  PeerSnapshot peer;
  peer.public_key.octets.fill(0x22);
  peer.endpoint = parse_endpoint("192.0.2.7:51820");
  device.peers.push_back(std::move(peer));
  engine::EngineStatus engine;
  StrangeNetwork network;
  network.network = *parse_prefix("192.0.2.0/24");
  network.last_from = *parse_endpoint("192.0.2.7:4500");
  network.wall = {1'700'000'000, 0};
  network.counts[0] = {Drop::bad_mac1, 12};
  engine.strange_networks.push_back(network);
  StrangeKey key;
  key.key.octets.fill(0x44);
  key.last_from = network.last_from;
  key.count = 3;
  engine.strange_keys.push_back(key);
  engine.last_drops.push_back({Drop::no_peer_for_destination, parse_address("10.7.7.7"), {1'700'000'001, 0}});
  const json status = json::parse(control::format_status("wg0", device, engine, 0));
  const json& told = status["strangers"]["networks"][0];
  CHECK(told["network"] == "192.0.2.0/24");
  CHECK(told["lastFrom"] == "192.0.2.7:4500");
  CHECK(told["reasons"] == json({{"bad_mac1", 12}}));
  CHECK(told["mayBe"] == json({kKey}));
  CHECK(status["strangers"]["keys"][0]["publicKey"] == "REREREREREREREREREREREREREREREREREREREREREQ=");
  CHECK(status["lastDrops"]["no_peer_for_destination"]["address"] == "10.7.7.7");
}
