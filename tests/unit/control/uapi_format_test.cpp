// SPDX-License-Identifier: MIT
#include "uapi_format.hpp"

#include <cerrno>
#include <doctest/doctest.h>
#include <string>

using namespace culvert;
using namespace culvert::control;

namespace {

std::string text(const SecretText& secret) { return {secret.begin(), secret.end()}; }

void fill(std::span<std::uint8_t, 32> octets, std::uint8_t first) {
  for (std::size_t i = 0; i < octets.size(); ++i) octets[i] = static_cast<std::uint8_t>(first + i);
}

}  // namespace

TEST_CASE("a device without anything says only that it is well") { CHECK(text(format_snapshot({})) == "errno=0\n\n"); }

TEST_CASE("a device comes out in the reference's order, with keys in lowercase hexadecimal") {
  DeviceSnapshot device;
  fill(device.private_key.secret.bytes(), 0xa0);
  device.listen_port = 51820;
  device.fwmark = 51966;
  PeerSnapshot& peer = device.peers.emplace_back();
  fill(peer.public_key.octets, 0);
  fill(peer.preshared_key.secret.bytes(), 0xe0);
  peer.endpoint = parse_endpoint("[2001:db8::1]:1234");
  peer.persistent_keepalive = std::chrono::seconds(25);
  peer.received_octets = 18446744073709551615u;
  peer.sent_octets = 12;
  peer.last_handshake = {.seconds = 1700000000, .nanoseconds = 5};
  peer.allowed_ips = {*parse_prefix("10.0.0.0/8"), *parse_prefix("2001:db8::/32")};
  device.peers.emplace_back().public_key.octets.fill(0xff);

  CHECK(text(format_snapshot(device)) ==
        "private_key=a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf\n"
        "listen_port=51820\n"
        "fwmark=51966\n"
        "public_key=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
        "preshared_key=e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff\n"
        "protocol_version=1\n"
        "endpoint=[2001:db8::1]:1234\n"
        "last_handshake_time_sec=1700000000\n"
        "last_handshake_time_nsec=5\n"
        "tx_bytes=12\n"
        "rx_bytes=18446744073709551615\n"
        "persistent_keepalive_interval=25\n"
        "allowed_ip=10.0.0.0/8\n"
        "allowed_ip=2001:db8::/32\n"
        "public_key=ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\n"
        "preshared_key=0000000000000000000000000000000000000000000000000000000000000000\n"
        "protocol_version=1\n"
        "last_handshake_time_sec=0\n"
        "last_handshake_time_nsec=0\n"
        "tx_bytes=0\n"
        "rx_bytes=0\n"
        "persistent_keepalive_interval=0\n"
        "errno=0\n\n");
}

TEST_CASE("a handshake before 1970 comes out as never, since clients read digits only") {
  DeviceSnapshot device;
  device.peers.emplace_back().last_handshake.seconds = -5;
  CHECK(text(format_snapshot(device)).find("last_handshake_time_sec=0\n") != std::string::npos);
}

TEST_CASE("errors are negative after set, positive after get, and nothing else is said") {
  CHECK(text(format_errno(Verb::set, EADDRINUSE)) == "errno=-98\n\n");
  CHECK(text(format_errno(Verb::get, EINVAL)) == "errno=22\n\n");
  CHECK(text(format_errno(Verb::unknown, EPROTO)) == "errno=71\n\n");
  CHECK(text(format_errno(Verb::set, 0)) == "errno=0\n\n");
  CHECK(text(format_errno(Verb::get, 0)) == "errno=0\n\n");
}
