// SPDX-License-Identifier: MIT
#include "strangers.hpp"

#include <doctest/doctest.h>

#include <test_clock.hpp>

using namespace culvert;
using namespace std::chrono_literals;

namespace {

Endpoint at(const std::string& text) {
  const auto endpoint = parse_endpoint(text);
  REQUIRE(endpoint);
  return *endpoint;
}

PublicKey key(std::uint8_t octet) {
  PublicKey k;
  k.octets.fill(octet);
  return k;
}

}  // namespace

TEST_CASE("strangers are told apart by IPv4 /24 and IPv6 /48, reasons are counted, the last sender is kept") {
  test::TestClock clock;
  Strangers strangers;
  strangers.refused(clock.now(), Drop::bad_mac1, at("192.0.2.7:1"));
  strangers.refused(clock.now(), Drop::bad_mac1, at("192.0.2.8:2"));
  strangers.refused(clock.now(), Drop::not_wireguard, at("192.0.2.8:3"));
  clock.advance(1s);
  strangers.refused(clock.now(), Drop::bad_mac1, at("[2001:db8:1:ffff::1]:4"));
  strangers.refused(clock.now(), Drop::bad_mac1, at("[2001:db8:1::1]:5"));
  const auto networks = strangers.networks();
  REQUIRE(networks.size() == 2);
  CHECK(to_string(networks[0].network) == "2001:db8:1::/48");
  CHECK(networks[0].counts[0].count == 2);
  CHECK(to_string(networks[1].network) == "192.0.2.0/24");
  CHECK(to_string(networks[1].last_from) == "192.0.2.8:3");
  CHECK(networks[1].counts[0].reason == Drop::bad_mac1);
  CHECK(networks[1].counts[0].count == 2);
  CHECK(networks[1].counts[1].reason == Drop::not_wireguard);
  CHECK(networks[1].counts[1].count == 1);
}

TEST_CASE("a flood from a thousand networks keeps the table at 64, and those that still come stay in it") {
  test::TestClock clock;
  Strangers strangers;
  for (int i = 0; i < 1000; ++i) {
    clock.advance(1ms);
    strangers.refused(clock.now(), Drop::bad_mac1, at("198.51.100.1:1"));
    strangers.refused(clock.now(), Drop::bad_mac1,
                      at("10." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".1:9"));
  }
  const auto networks = strangers.networks();
  CHECK(networks.size() == 64);
  std::uint64_t faithful = 0;
  for (const auto& n : networks)
    if (to_string(n.network) == "198.51.100.0/24") faithful = n.counts[0].count;
  CHECK(faithful == 1000);
}

TEST_CASE("a key that is nobody's is shown with its sender until it becomes a peer's; sixteen are kept") {
  test::TestClock clock;
  Strangers strangers;
  for (std::uint8_t i = 0; i < 40; ++i) {
    clock.advance(1s);
    strangers.showed_key(clock.now(), key(i), at("192.0.2.7:7"));
  }
  strangers.showed_key(clock.now(), key(39), at("192.0.2.9:9"));
  auto keys = strangers.keys();
  REQUIRE(keys.size() == 16);
  CHECK(keys[0].key == key(39));
  CHECK(keys[0].count == 2);
  CHECK(to_string(keys[0].last_from) == "192.0.2.9:9");
  CHECK(keys[15].key == key(24));
  strangers.forget_key(key(39));
  keys = strangers.keys();
  CHECK(keys.size() == 15);
  CHECK(keys[0].key == key(38));
}
