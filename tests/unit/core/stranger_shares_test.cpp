// SPDX-License-Identifier: MIT
#include "stranger_shares.hpp"

#include <doctest/doctest.h>

#include "node.hpp"

using namespace culvert;
using namespace culvert::test;
using namespace std::chrono_literals;

namespace {

const Octets<16> kSeed = {1, 2, 3};

IpAddress numbered(std::uint32_t n) {
  IpAddress address;
  address.octets = {10, static_cast<std::uint8_t>(n >> 16), static_cast<std::uint8_t>(n >> 8),
                    static_cast<std::uint8_t>(n)};
  return address;
}

}  // namespace

TEST_CASE("a stranger may send five at once and then twenty a second") {
  StrangerShares shares(kSeed);
  Instant now(100s);
  const IpAddress from = numbered(1);
  for (int i = 0; i < 5; ++i) CHECK(shares.take(now, from));
  CHECK_FALSE(shares.take(now, from));
  now += 49ms;
  CHECK_FALSE(shares.take(now, from));
  now += 1ms;
  CHECK(shares.take(now, from));
  CHECK_FALSE(shares.take(now, from));
  now += 10s;  // no more than a burst is ever saved up
  for (int i = 0; i < 5; ++i) CHECK(shares.take(now, from));
  CHECK_FALSE(shares.take(now, from));
}

TEST_CASE("of a full bucket a token is had when nothing was taken for as long as it takes to fill it") {
  StrangerShares shares(kSeed);
  Instant now(100s);
  const IpAddress from = numbered(1);
  CHECK(shares.take_of_full(now, from));
  CHECK_FALSE(shares.take_of_full(now, from));
  now += 49ms;
  CHECK_FALSE(shares.take_of_full(now, from));
  now += 1ms;
  CHECK(shares.take_of_full(now, from));
  now += 50ms;
  for (int i = 0; i < 5; ++i) CHECK(shares.take(now, from));
  now += 249ms;
  CHECK_FALSE(shares.take_of_full(now, from));
  now += 1ms;
  CHECK(shares.take_of_full(now, from));
  CHECK(shares.take_of_full(now, numbered(2)));
}

TEST_CASE("a flood from one address leaves another address its share") {
  StrangerShares shares(kSeed);
  const Instant now(100s);
  for (int i = 0; i < 1000; ++i) (void)shares.take(now, numbered(1));
  CHECK(shares.take(now, numbered(2)));
}

TEST_CASE("a flood from a hundred addresses takes the share of one newcomer in ten at the most") {
  StrangerShares shares(kSeed);
  const Instant now(100s);
  for (std::uint32_t n = 0; n < 100; ++n)
    for (int i = 0; i < 10; ++i) (void)shares.take(now, numbered(n));
  int kept_out = 0;
  for (std::uint32_t n = 1000; n < 2000; ++n) kept_out += shares.take(now, numbered(n)) ? 0 : 1;
  CHECK(kept_out > 0);
  CHECK(kept_out < 100);
}

TEST_CASE("all addresses of one IPv6 /64 are one stranger") {
  StrangerShares shares(kSeed);
  const Instant now(100s);
  const auto of = [](std::string_view text) { return endpoint("[" + std::string(text) + "]:1").address; };
  for (int i = 0; i < 5; ++i) CHECK(shares.take(now, of("2001:db8::" + std::to_string(i + 1))));
  CHECK_FALSE(shares.take(now, of("2001:db8::ffff:1")));
  CHECK(shares.take(now, of("2001:db8:0:1::1")));
}

TEST_CASE("another seed puts addresses together differently, so nobody can choose whose share to take") {
  const Instant now(100s);
  const auto kept_out = [&](const Octets<16>& seed) {
    StrangerShares shares(seed);
    for (std::uint32_t n = 0; n < 200; ++n)
      for (int i = 0; i < 5; ++i) (void)shares.take(now, numbered(n));
    std::vector<std::uint32_t> out;
    for (std::uint32_t n = 1000; n < 2000; ++n)
      if (!shares.take(now, numbered(n))) out.push_back(n);
    return out;
  };
  CHECK(kept_out(kSeed) != kept_out({3, 2, 1}));
}
