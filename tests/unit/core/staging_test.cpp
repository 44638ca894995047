// SPDX-License-Identifier: MIT
#include "staging.hpp"

#include <doctest/doctest.h>

using namespace culvert;

namespace {

std::vector<std::uint8_t> numbered(std::size_t n) {
  return {static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n), 7};
}

}  // namespace

TEST_CASE("staged packets come out whole, oldest first, and only once") {
  Staging staging;
  for (std::size_t n = 0; n < 3; ++n) CHECK(staging.push(numbered(n)) == 0);
  CHECK(staging.octets() == 9);
  const auto packets = staging.take();
  REQUIRE(packets.size() == 3);
  for (std::size_t n = 0; n < 3; ++n) CHECK(packets[n] == numbered(n));
  CHECK(staging.take().empty());
  CHECK(staging.octets() == 0);
}

TEST_CASE("128 packets fit; each one more drops the oldest") {
  Staging staging;
  for (std::size_t n = 0; n < 128; ++n) CHECK(staging.push(numbered(n)) == 0);
  for (std::size_t n = 128; n < 300; ++n) CHECK(staging.push(numbered(n)) == 1);
  CHECK(staging.octets() == 128 * 3);
  const auto packets = staging.take();
  REQUIRE(packets.size() == 128);
  CHECK(packets.front() == numbered(172));
  CHECK(packets.back() == numbered(299));
}

TEST_CASE("another limit counts from the next packet on") {
  Staging staging;
  for (std::size_t n = 0; n < 10; ++n) CHECK(staging.push(numbered(n), 10) == 0);
  CHECK(staging.push(numbered(10), 4) == 7);
  CHECK(staging.octets() == 4 * 3);
  CHECK(staging.push(numbered(11), 6) == 0);
  const auto packets = staging.take();
  REQUIRE(packets.size() == 5);
  CHECK(packets.front() == numbered(7));
}

TEST_CASE("octets are counted whatever the sizes of those that come and go") {
  Staging staging;
  const std::vector<std::uint8_t> big(1000);
  const std::vector<std::uint8_t> small(1);
  for (int n = 0; n < 128; ++n) staging.push(big);
  CHECK(staging.octets() == 128'000);
  for (int n = 0; n < 128; ++n) staging.push(small);
  CHECK(staging.octets() == 128);
  staging.push(big);
  CHECK(staging.octets() == 1127);
}

TEST_CASE("a staged packet is a copy") {
  Staging staging;
  std::vector<std::uint8_t> packet = numbered(1);
  staging.push(packet);
  packet[0] = 0xee;
  CHECK(staging.take().front() == numbered(1));
}
