// SPDX-License-Identifier: MIT
#include "device_text.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <string>

using namespace culvert;
using namespace culvert::daemon;

namespace {

control::SecretText text_of(std::string_view text) { return {text.begin(), text.end()}; }

const std::string kKey = std::string(62, '0') + "2a";

}  // namespace

TEST_CASE("an answer to get=1 is read: the port, and of each peer how it does") {
  const auto device = read_device_text(text_of(
      "private_key=" + kKey + "\nlisten_port=4242\nfwmark=51820\npublic_key=" + kKey + "\npreshared_key=" + kKey +
      "\nendpoint=192.0.2.1:7\npersistent_keepalive_interval=25\nallowed_ip=10.0.0.0/8\nallowed_ip=fd00::/64\n"
      "rx_bytes=5\ntx_bytes=99\nlast_handshake_time_sec=1700000000\nlast_handshake_time_nsec=5\nprotocol_version=1\n"
      "errno=0\n\n"));
  REQUIRE(device);
  CHECK(device->listen_port == 4242);
  REQUIRE(device->peers.size() == 1);
  const PeerText& peer = device->peers[0];
  CHECK(peer.public_key.octets[31] == 0x2a);
  CHECK(peer.preshared_key.secret.bytes()[31] == 0x2a);
  CHECK(peer.endpoint == parse_endpoint("192.0.2.1:7"));
  CHECK(peer.persistent_keepalive.count() == 25);
  CHECK(peer.allowed_ips.size() == 2);
  CHECK(peer.received_octets == 5);
  CHECK(peer.sent_octets == 99);
  CHECK(peer.last_handshake == 1700000000);
}

TEST_CASE("what is no such answer is none") {
  for (const std::string bad : {"", "errno=1\n\n", "errno=0\n", "public_key=00\nerrno=0\n\n", "nonsense\nerrno=0\n\n",
                                "allowed_ip=1.2.3.4/32\n"})
    CHECK_FALSE(read_device_text(text_of(bad)));
  CHECK(read_device_text(text_of("errno=0\n\n"))->peers.empty());
}

TEST_CASE("so many peers are read and not one more") {
  std::string peers;
  for (std::size_t n = 0; n < kMostPeersTold; ++n) peers += "public_key=" + kKey + "\n";
  const auto most = read_device_text(text_of(peers + "errno=0\n\n"));
  REQUIRE(most);
  CHECK(most->peers.size() == kMostPeersTold);
  CHECK_FALSE(read_device_text(text_of(peers + "public_key=" + kKey + "\nerrno=0\n\n")));
}

TEST_CASE("the errno of an answer is told without its sign") {
  CHECK(errno_of(text_of("errno=0\n\n")) == 0);
  CHECK(errno_of(text_of("errno=-98\n\n")) == 98);
  CHECK(errno_of(text_of("errno=22\n\n")) == 22);
  CHECK(errno_of(text_of("")) == EPROTO);
  CHECK(errno_of(text_of("errno=x\n\n")) == EPROTO);
}

TEST_CASE("a saved configuration has the peers and the port that the device has, and the names of those it knew") {
  config::Config config;
  config.name = "wg0";
  config.listen_port = 1;
  config::PeerConfig known;
  known.name = "alice";
  known.public_key.octets[31] = 0x2a;
  config.peers.push_back(std::move(known));
  DeviceText device;
  device.listen_port = 4242;
  device.peers.resize(2);
  device.peers[0].public_key.octets[31] = 0x2a;
  device.peers[0].endpoint = parse_endpoint("[2001:db8::1]:7");
  device.peers[1].public_key.octets[31] = 1;
  const config::Config saved = with_state(std::move(config), device);
  CHECK(saved.name == "wg0");
  CHECK(saved.listen_port == 4242);
  REQUIRE(saved.peers.size() == 2);
  CHECK(saved.peers[0].name == "alice");
  REQUIRE(saved.peers[0].endpoints.size() == 1);
  CHECK(to_string(saved.peers[0].endpoints[0]) == "[2001:db8::1]:7");
}
