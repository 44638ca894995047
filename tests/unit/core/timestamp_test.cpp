// SPDX-License-Identifier: MIT
#include "timestamp.hpp"

#include <hex.hpp>
#include <random>

#include <doctest/doctest.h>

using namespace culvert;
using culvert::test::hex;
using culvert::test::unhex_array;

namespace {

constexpr std::uint32_t kTick = 16'777'216;       // 2^24 ns
constexpr std::uint32_t kLastTick = 989'855'744;  // 59 * 2^24, the last one in a second

std::string stamp(std::int64_t seconds, std::uint32_t nanoseconds) { return hex(stamp_of({seconds, nanoseconds})); }

}  // namespace

TEST_CASE("a stamp is TAI64 seconds and nanoseconds, big-endian") {
  CHECK(stamp(0, 0) == "400000000000000a00000000");
  CHECK(stamp(1'700'000'000, 0) == "400000006553f10a00000000");  // 2023-11-14 22:13:20 UTC
  CHECK(stamp(-11, 0) == "3fffffffffffffff00000000");
  CHECK(stamp(0x100000000, kTick) == "400000010000000a01000000");
}

TEST_CASE("a stamp tells the time no finer than 16.8 ms") {
  CHECK(stamp(5, 0) == "400000000000000f00000000");
  CHECK(stamp(5, 1) == "400000000000000f00000000");
  CHECK(stamp(5, kTick - 1) == "400000000000000f00000000");
  CHECK(stamp(5, kTick) == "400000000000000f01000000");
  CHECK(stamp(5, 2 * kTick - 1) == "400000000000000f01000000");
  CHECK(stamp(5, 999'999'999) == "400000000000000f3b000000");
}

TEST_CASE("octets of stamps compare like the times they tell") {
  CHECK(stamp_of({5, 0}) < stamp_of({5, kTick}));
  CHECK(stamp_of({5, kLastTick}) < stamp_of({6, 0}));
  CHECK(stamp_of({255, 0}) < stamp_of({256, 0}));
  CHECK(stamp_of({-1, 0}) < stamp_of({0, 0}));
}

TEST_CASE("the next stamp is one tick later, and carries at the end of the second") {
  CHECK(hex(next_after(stamp_of({5, 0}))) == "400000000000000f01000000");
  CHECK(hex(next_after(stamp_of({5, kLastTick - kTick}))) == "400000000000000f3b000000");
  CHECK(hex(next_after(stamp_of({5, kLastTick}))) == "400000000000001000000000");
  CHECK(hex(next_after(stamp_of({0xfffffff5, kLastTick}))) == "400000010000000000000000");
}

TEST_CASE("a clock that goes on is believed") {
  const Stamp last = stamp_of({1'700'000'000, 0});
  CHECK(fresh_stamp({1'700'000'005, 500'000'000}, last) == stamp_of({1'700'000'005, 500'000'000}));
}

TEST_CASE("a clock that stands or was set back still gives the least greater stamp") {
  const Stamp last = stamp_of({1'700'000'000, kLastTick});
  CHECK(hex(fresh_stamp({1'700'000'000, 999'999'999}, last)) == "400000006553f10b00000000");
  CHECK(hex(fresh_stamp({1'600'000'000, 0}, last)) == "400000006553f10b00000000");
  CHECK(hex(fresh_stamp({0, 0}, last)) == "400000006553f10b00000000");
  CHECK(hex(fresh_stamp({-1, 0}, last)) == "400000006553f10b00000000");
}

TEST_CASE("the first stamp of all is the time itself") {
  CHECK(fresh_stamp({1'700'000'000, 0}, Stamp{}) == stamp_of({1'700'000'000, 0}));
}

TEST_CASE("stamps always grow, and stay on the coarse grid, however the clock jumps") {
  std::mt19937_64 random(20231114);
  Stamp last{};
  UnixTime clock{1'700'000'000, 0};
  for (int i = 0; i < 20'000; ++i) {
    clock.seconds += static_cast<std::int64_t>(random() % 2001) - 1000;
    clock.nanoseconds = static_cast<std::uint32_t>(random() % 1'000'000'000);
    const Stamp next = fresh_stamp(clock, last);
    REQUIRE(next > last);
    REQUIRE((next[9] | next[10] | next[11]) == 0);
    REQUIRE(next[8] < 60);
    last = next;
  }
}
