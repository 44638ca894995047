// SPDX-License-Identifier: MIT
// 20 a second, burst 5, per IPv4 address or IPv6 /64: the numbers of WireGuard's own self-test.
#include "rate_limiter.hpp"

#include <doctest/doctest.h>

#include <hex.hpp>

using namespace culvert;
using namespace culvert::test;
using namespace std::chrono_literals;

namespace {

const Octets<16> kSeed{1, 2, 3};
const Instant kStart{1000h};

IpAddress v4(std::uint32_t number) {
  IpAddress address{.family = Family::v4};
  for (std::size_t i = 0; i < 4; ++i) address.octets[i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  return address;
}

/// 2001:db8:N:N::H
IpAddress v6(std::uint32_t network, std::uint64_t host) {
  IpAddress address{.family = Family::v6, .octets = {0x20, 0x01, 0x0d, 0xb8}};
  for (std::size_t i = 0; i < 4; ++i) address.octets[4 + i] = static_cast<std::uint8_t>(network >> (24 - 8 * i));
  for (std::size_t i = 0; i < 8; ++i) address.octets[8 + i] = static_cast<std::uint8_t>(host >> (56 - 8 * i));
  return address;
}

/// Takes until refused.
int take_all(RateLimiter& limiter, Instant now, const IpAddress& from) {
  int taken = 0;
  while (taken < 100 && limiter.allow(now, from)) ++taken;
  return taken;
}

}  // namespace

TEST_CASE("the steps of WireGuard's self-test, for each family") {
  const struct {
    std::chrono::milliseconds wait;
    bool accepted;
  } steps[] = {{0ms, true},  {0ms, true},  {0ms, true},   {0ms, true}, {0ms, true}, {0ms, false},
               {50ms, true}, {0ms, false}, {100ms, true}, {0ms, true}, {0ms, false}};
  for (const IpAddress& from : {v4(0xc0000201), v6(1, 1)}) {
    RateLimiter limiter(kSeed);
    Instant now = kStart;
    for (const auto& step : steps) {
      now += step.wait;
      CHECK(limiter.allow(now, from) == step.accepted);
    }
  }
}

TEST_CASE("a burst is five, however long the source was quiet") {
  RateLimiter limiter(kSeed);
  Instant now = kStart;
  for (const auto quiet : std::initializer_list<Duration>{0s, 250ms, 999ms, 1s, 10s, 1000h}) {
    now += quiet;
    CHECK(take_all(limiter, now, v4(1)) == 5);
  }
}

TEST_CASE("twenty a second on average, under any flood") {
  RateLimiter limiter(kSeed);
  int taken = 0;
  for (int ms = 0; ms < 60000; ++ms)
    if (limiter.allow(kStart + std::chrono::milliseconds(ms), v4(1))) ++taken;
  CHECK(taken == 5 - 1 + 60 * 20);  // the last of the 1200 intervals is not over; the burst had 5 at once
}

TEST_CASE("another rate: a quarter of a second's tokens at once, but five at least") {
  for (const auto& [per_second, burst] : {std::pair(1u, 5), {19u, 5}, {20u, 5}, {100u, 25}, {400u, 100}}) {
    const unsigned rate = per_second;  // clang 14 captures no structured binding
    CAPTURE(rate);
    RateLimiter limiter(kSeed);
    limiter.set_rate(rate);
    int taken = 0;
    while (limiter.allow(kStart, v4(1))) ++taken;
    CHECK(taken == burst);
    for (int ms = 1; ms <= 60000; ++ms)
      if (limiter.allow(kStart + std::chrono::milliseconds(ms), v4(1))) ++taken;
    CHECK(taken >= burst + 60 * static_cast<int>(rate) - 1);
    CHECK(taken <= burst + 60 * static_cast<int>(rate));
  }
}

TEST_CASE("with a slow rate quiet does not bring the burst back before its time") {
  RateLimiter limiter(kSeed);
  limiter.set_rate(1);
  CHECK(take_all(limiter, kStart, v4(1)) == 5);
  CHECK(take_all(limiter, kStart + 1500ms, v4(1)) == 1);
  CHECK(take_all(limiter, kStart + 3s, v4(1)) == 2);  // with what was left of the half second
}

TEST_CASE("a rate that changes counts for those who are known as well") {
  RateLimiter limiter(kSeed);
  CHECK(take_all(limiter, kStart, v4(1)) == 5);
  limiter.set_rate(40);
  CHECK(take_all(limiter, kStart + 25ms, v4(1)) == 1);
}

TEST_CASE("one IPv4 address does not use up another's tokens") {
  RateLimiter limiter(kSeed);
  CHECK(take_all(limiter, kStart, v4(0xc0000201)) == 5);
  CHECK(take_all(limiter, kStart, v4(0xc0000202)) == 5);
  CHECK(take_all(limiter, kStart, v4(0xc0000201)) == 0);
}

TEST_CASE("an IPv6 /64 shares one bucket, and a neighbour does not") {
  RateLimiter limiter(kSeed);
  CHECK(take_all(limiter, kStart, v6(1, 1)) == 5);
  CHECK(take_all(limiter, kStart, v6(1, 2)) == 0);
  CHECK(take_all(limiter, kStart, v6(1, 0x8000000000000000)) == 0);
  CHECK(take_all(limiter, kStart, v6(2, 1)) == 5);
  CHECK(limiter.size() == 2);
}

TEST_CASE("an IPv4 address and an IPv6 address with the same octets are two sources") {
  RateLimiter limiter(kSeed);
  IpAddress six = v4(0xc0000201);
  six.family = Family::v6;
  CHECK(take_all(limiter, kStart, v4(0xc0000201)) == 5);
  CHECK(take_all(limiter, kStart, six) == 5);
}

TEST_CASE("a full table refuses newcomers, and goes on serving the known") {
  RateLimiter limiter(kSeed, 3);
  CHECK(limiter.allow(kStart, v4(1)));
  CHECK(limiter.allow(kStart, v4(2)));
  CHECK(limiter.allow(kStart, v6(1, 1)));
  CHECK_FALSE(limiter.allow(kStart, v4(4)));
  CHECK_FALSE(limiter.allow(kStart, v6(2, 1)));
  CHECK(limiter.size() == 3);
  CHECK(limiter.allow(kStart, v4(1)));
}

TEST_CASE("a flood of addresses never grows the table beyond its bound") {
  RateLimiter limiter(kSeed);
  std::size_t refused = 0;
  for (std::uint32_t i = 0; i < 200000; ++i)
    if (!limiter.allow(kStart, v4(i))) ++refused;
  CHECK(limiter.size() == 65536);
  CHECK(refused == 200000 - 65536);
}

TEST_CASE("entries go after a second of quiet, and make room") {
  RateLimiter limiter(kSeed, 2);
  REQUIRE(limiter.allow(kStart, v4(1)));
  REQUIRE(limiter.allow(kStart + 900ms, v4(2)));
  CHECK_FALSE(limiter.allow(kStart + 999ms, v4(3)));
  CHECK(limiter.allow(kStart + 2s, v4(3)));
  CHECK(limiter.allow(kStart + 4s, v4(4)));
  CHECK(limiter.size() == 1);
}

TEST_CASE("a source that goes on asking is not forgotten, and so gains nothing") {
  RateLimiter limiter(kSeed);
  int taken = take_all(limiter, kStart, v4(1));
  for (int ms = 10; ms <= 10000; ms += 10) {
    if (limiter.allow(kStart + std::chrono::milliseconds(ms), v4(1))) ++taken;
    (void)limiter.allow(kStart + std::chrono::milliseconds(ms), v4(2));
  }
  CHECK(taken == 5 + 10 * 20);
}

TEST_CASE("a source that was refused waits no longer for it") {
  RateLimiter limiter(kSeed);
  REQUIRE(take_all(limiter, kStart, v4(1)) == 5);
  for (int ms = 1; ms < 50; ++ms) REQUIRE_FALSE(limiter.allow(kStart + std::chrono::milliseconds(ms), v4(1)));
  CHECK(limiter.allow(kStart + 50ms, v4(1)));
}

TEST_CASE("the table's hash is SipHash-2-4 under the seed") {
  // The reference implementation's vector for 16 octets 00 01 ... 0f under the same key.
  Octets<16> counting{};
  for (std::size_t i = 0; i < 16; ++i) counting[i] = static_cast<std::uint8_t>(i);
  const IpAddress address{.family = Family::v6, .octets = counting};
  CHECK(RateLimiter::KeyHash{counting}(address) == static_cast<std::size_t>(0x3f2acc7f57c29bdbu));
  CHECK(RateLimiter::KeyHash{kSeed}(address) != 0x3f2acc7f57c29bdbu);
}
