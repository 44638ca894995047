// SPDX-License-Identifier: MIT
#include "status_format.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace culvert;
using nlohmann::json;

namespace {

DeviceSnapshot device() {
  DeviceSnapshot shot;
  Octets<32> key{};
  key.fill(0x11);
  shot.private_key.secret = Secret<32>(key);
  shot.listen_port = 51820;
  PeerSnapshot peer;
  peer.public_key.octets.fill(0x22);
  key.fill(0x33);
  peer.preshared_key.secret = Secret<32>(key);
  peer.endpoint = parse_endpoint("192.0.2.7:4500");
  peer.last_handshake = {1'700'000'000, 5};
  peer.received_octets = 123;
  peer.sent_octets = 456;
  peer.persistent_keepalive = std::chrono::seconds(25);
  peer.allowed_ips = {*parse_prefix("10.0.0.0/24"), *parse_prefix("fd00::/64")};
  shot.peers.push_back(std::move(peer));
  return shot;
}

}  // namespace

TEST_CASE("the status names peers as WireGuard's own JSON does") {
  const json status = json::parse(control::format_status("wg0", device(), {}, 0));
  CHECK(status["interface"] == "wg0");
  CHECK(status["listenPort"] == 51820);
  const json& peer = status["peers"]["IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI="];
  CHECK(peer["endpoint"] == "192.0.2.7:4500");
  CHECK(peer["latestHandshake"] == 1'700'000'000);
  CHECK(peer["transferRx"] == 123);
  CHECK(peer["transferTx"] == 456);
  CHECK(peer["persistentKeepalive"] == 25);
  CHECK(peer["allowedIps"] == json({"10.0.0.0/24", "fd00::/64"}));
}

TEST_CASE("no key but public ones is in the status") {
  const std::string status = control::format_status("wg0", device(), {}, 0);
  CHECK(status.find("ERERERERERERERERERERERERERERERERERERERERERE=") == std::string::npos);
  CHECK(status.find("MzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM=") == std::string::npos);
  CHECK(status.find("1111") == std::string::npos);
  CHECK(status.find("3333") == std::string::npos);
}

TEST_CASE("the books of packets are told by way, with the reasons of what was dropped") {
  engine::EngineStatus engine;
  engine.packets.out = {.read = 10, .sent = 6, .waiting = 1};
  engine.packets.out.drops[static_cast<std::size_t>(Drop::no_endpoint)] = 3;
  engine.packets.in = {.received = 20, .delivered = 9, .handshakes = 4, .keepalives = 2, .waiting = 1};
  engine.packets.in.drops[static_cast<std::size_t>(Drop::replayed)] = 3;
  engine.packets.in.drops[static_cast<std::size_t>(Drop::bad_mac1)] = 1;
  engine.packets.own = {.keepalives = 5, .handshakes = 6, .sent = 10, .injected = 7};
  engine.packets.own.drops[static_cast<std::size_t>(Drop::blocked_by_firewall)] = 1;
  const json packets = json::parse(control::format_status("wg0", {}, engine, 0))["packets"];
  CHECK(packets["out"] ==
        json({{"read", 10}, {"sent", 6}, {"dropped", 3}, {"waiting", 1}, {"drops", {{"no_endpoint", 3}}}}));
  CHECK(packets["in"] == json({{"received", 20},
                               {"delivered", 9},
                               {"handshakes", 4},
                               {"keepalives", 2},
                               {"dropped", 4},
                               {"waiting", 1},
                               {"drops", {{"replayed", 3}, {"bad_mac1", 1}}}}));
  CHECK(packets["own"] == json({{"handshakes", 6},
                                {"keepalives", 5},
                                {"sent", 10},
                                {"dropped", 1},
                                {"injected", 7},
                                {"drops", {{"blocked_by_firewall", 1}}}}));
}

TEST_CASE("lanes, offloads and drops are told, and only drops that happened") {
  engine::EngineStatus engine;
  engine.aead = "libsodium";
  engine.inside_offload = io::TunOffload::udp;
  engine.link = Link::up;
  engine.thinned_senders = 3;
  engine.lanes.resize(2);
  engine.lanes[1].inside.read_super_packets = 7;
  engine.lanes[1].outside.kernel_drops = 3;
  engine.lanes[1].drops[static_cast<std::size_t>(Drop::replayed)] = 9;
  const json status = json::parse(control::format_status("wg0", {}, engine, 4));
  CHECK(status["aead"] == "libsodium");
  CHECK(status["link"] == "up");
  CHECK(status["interfaceDrops"] == 4);
  CHECK(status["control"]["thinnedSenders"] == 3);
  CHECK(status["lanes"].size() == 2);
  CHECK(status["lanes"][1]["inside"]["readSuperPackets"] == 7);
  CHECK(status["lanes"][1]["outside"]["kernelDrops"] == 3);
  CHECK(status["lanes"][1]["drops"] == json({{"replayed", 9}}));
  CHECK(status["lanes"][0]["drops"].empty());
}
