// SPDX-License-Identifier: MIT
// Two oracles: the sequences of WireGuard's own self-test, and a set that remembers every counter it accepted.
#include "replay_window.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

using culvert::ReplayWindow;

namespace {

constexpr std::uint64_t kW = 8192 - 64;                     // counters behind the greatest that are remembered
constexpr std::uint64_t kL = kW + 1;                        // the self-test's limit
constexpr std::uint64_t kR = 18446744073709551615u - 8192;  // 2^64 - 2^13 - 1 [W 6.1]

/// Accepts a counter once, if it is not more than kW behind the greatest accepted, and below kR.
class Model {
 public:
  [[nodiscard]] bool commit(std::uint64_t counter) {
    if (counter >= kR) return false;
    if (!accepted_.empty()) {
      const std::uint64_t greatest = *accepted_.rbegin();
      if (greatest > counter && greatest - counter > kW) return false;
    }
    if (!accepted_.insert(counter).second) return false;
    // What is too old to be asked for need not be remembered.
    const std::uint64_t greatest = *accepted_.rbegin();
    if (greatest > kW) accepted_.erase(accepted_.begin(), accepted_.lower_bound(greatest - kW));
    return true;
  }
  [[nodiscard]] std::uint64_t greatest() const { return accepted_.empty() ? 0 : *accepted_.rbegin(); }

 private:
  std::set<std::uint64_t> accepted_;
};

/// Looks twice, commits once: what was promised is kept, and looking changes nothing.
bool step(ReplayWindow& window, std::uint64_t counter) {
  const bool promised = window.would_accept(counter);
  REQUIRE(window.would_accept(counter) == promised);
  const std::uint64_t expected = window.expected(), accepted = window.accepted();
  REQUIRE(window.commit(counter) == promised);
  REQUIRE(window.accepted() == accepted + (promised ? 1U : 0U));
  REQUIRE(window.expected() == (promised ? std::max(expected, counter + 1) : expected));
  return promised;
}

struct Step {
  std::uint64_t counter;
  bool accepted;
};

}  // namespace

TEST_CASE("the sequence of WireGuard's self-test") {
  const Step steps[] = {
      {0, true},           {1, true},          {1, false},          {9, true},       {8, true},
      {7, true},           {7, false},         {kL, true},          {kL - 1, true},  {kL - 1, false},
      {kL - 2, true},      {2, true},          {2, false},          {kL + 16, true}, {3, false},
      {kL + 16, false},    {kL * 4, true},     {kL * 4 - kW, true}, {10, false},     {kL * 4 - kL, false},
      {kL * 3 - 1, false}, {kL * 3 + 2, true}, {kL * 3 + 1, false}, {0, false},      {kR, false},
      {kR - 1, true},      {kR, false},        {kR - 1, false},     {kR - 2, true},  {kR + 1, false},
      {kR + 2, false},     {kR - 2, false},    {kR - 3, true},      {0, false},
  };
  ReplayWindow window;
  for (const Step& s : steps) {
    CAPTURE(s.counter);
    CHECK(step(window, s.counter) == s.accepted);
  }
}

TEST_CASE("the window's edge, from both sides") {
  SUBCASE("a full window upwards leaves 0 acceptable") {
    ReplayWindow window;
    for (std::uint64_t c = 1; c <= kW; ++c) REQUIRE(step(window, c));
    CHECK(step(window, 0));
    CHECK_FALSE(step(window, 0));
  }
  SUBCASE("one more, and 0 is too old") {
    ReplayWindow window;
    for (std::uint64_t c = 2; c <= kW + 1; ++c) REQUIRE(step(window, c));
    CHECK(step(window, 1));
    CHECK_FALSE(step(window, 0));
  }
  SUBCASE("a full window downwards") {
    ReplayWindow window;
    for (std::uint64_t c = kW + 1; c-- > 0;) REQUIRE(step(window, c));
  }
  SUBCASE("one more downwards, and 0 is too old") {
    ReplayWindow window;
    for (std::uint64_t c = kW + 1; c >= 1; --c) REQUIRE(step(window, c));
    CHECK_FALSE(step(window, 0));
  }
  SUBCASE("0 is lost when the window moves one past it") {
    ReplayWindow window;
    for (std::uint64_t c = kW; c >= 1; --c) REQUIRE(step(window, c));
    CHECK(step(window, kW + 1));
    CHECK_FALSE(step(window, 0));
  }
  SUBCASE("and is not lost when it came in time") {
    ReplayWindow window;
    for (std::uint64_t c = kW; c >= 1; --c) REQUIRE(step(window, c));
    CHECK(step(window, 0));
    CHECK(step(window, kW + 1));
  }
}

TEST_CASE("a jump forgets exactly the counters that it leaves behind") {
  for (const std::uint64_t jump :
       std::initializer_list<std::uint64_t>{1, 63, 64, 65, 127, 128, kW - 1, kW, kW + 1, 8191, 8192, 8193, 2 * 8192,
                                            4294967296u, 4294967297u, std::uint64_t{1} << 40, kR - 20002}) {
    CAPTURE(jump);
    ReplayWindow window;
    Model model;
    for (std::uint64_t c = 0; c < 20000; ++c)
      if (c % 3 != 0) REQUIRE(step(window, c) == model.commit(c));
    const std::uint64_t greatest = 20000 + jump;
    REQUIRE(step(window, greatest) == model.commit(greatest));
    for (std::uint64_t back = 0; back < 8400 && back <= greatest; ++back)
      if (step(window, greatest - back) != model.commit(greatest - back)) FAIL("differs ", back, " behind");
  }
}

TEST_CASE("the same first counter at every place of the ring") {
  for (std::uint64_t first = 0; first < 3 * 8192; first += 61) {
    ReplayWindow window;
    REQUIRE(step(window, first));
    REQUIRE_FALSE(step(window, first));
    if (first > 0) REQUIRE(step(window, first - 1));
    if (first > kW) REQUIRE_FALSE(step(window, first - kW - 1));
    if (first > kW + 1) REQUIRE(step(window, first - kW));
  }
}

TEST_CASE("no counter from 2^64 - 2^13 - 1 on is accepted, and none wraps") {
  for (const std::uint64_t start : std::initializer_list<std::uint64_t>{0, 5, 100000, kR - 9000, kR - 1}) {
    ReplayWindow window;
    REQUIRE(step(window, start));
    for (std::uint64_t c = kR; c != 0; ++c)
      if (step(window, c)) FAIL("accepted ", c);
    CHECK_FALSE(step(window, start));
  }
}

TEST_CASE("a window agrees with a set that remembers everything") {
  for (const std::uint32_t seed : {20260705u, 1u, 2u, 3u}) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const auto below = [&random](std::uint64_t n) { return random() % n; };
    ReplayWindow window;
    Model model;
    std::size_t accepted = 0;
    constexpr int kSteps = 500000;
    for (int i = 0; i < kSteps; ++i) {
      const std::uint64_t greatest = model.greatest();
      const std::uint64_t kind = below(1000);
      std::uint64_t counter = 0;
      if (kind < 500)
        counter = greatest + below(4);  // the usual
      else if (kind < 800)
        counter = greatest - std::min(greatest, below(200));  // a little late
      else if (kind < 990)
        counter = greatest - std::min(greatest, below(9000));  // late, and around the edge
      else if (kind < 996)
        counter = greatest + below(20000);  // a jump of up to two windows
      else if (kind < 998)
        counter = greatest + 4294967296u + below(8192) - 4096;  // around 2^32
      else if (kind < 999)
        counter = below(greatest + 1);  // anything old
      else
        counter = kR - 10000 + below(18192);                  // around and beyond the limit
      if (counter >= kR - 10000 && i < kSteps / 2) continue;  // only in the second half: there is no way back
      const bool expected = model.commit(counter);
      if (step(window, counter) != expected) FAIL("differs at step ", i, ", counter ", counter);
      accepted += expected ? 1 : 0;
    }
    CHECK(accepted > kSteps / 10);
    CHECK(accepted < kSteps);
  }
}
