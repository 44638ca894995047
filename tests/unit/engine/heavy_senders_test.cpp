// SPDX-License-Identifier: MIT
#include "heavy_senders.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

using namespace culvert;
using namespace culvert::engine;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t kMix = 0x1234'5679;
constexpr std::uint32_t kHeavy = 50;  // 25 times 20 a second, in a tenth of a second

IpAddress address(std::uint32_t number) {
  IpAddress result{Family::v4, {}};
  for (std::size_t i = 0; i < 4; ++i) result.octets[i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  return result;
}

struct Watched {
  Instant now{1000s};
  HeavySenders senders{kMix, now, 7};
  std::uint64_t drops = 7;

  void arrive(std::uint32_t sender, std::size_t datagrams) { senders.count(address(sender), datagrams); }
  /// The interval ends; so many were dropped in it.
  bool end(std::uint64_t dropped = 0, Duration after = 100ms) {
    drops += dropped;
    now += after;
    REQUIRE(senders.due(now));
    senders.found_empty();
    return senders.look(now, drops);
  }
  /// A tenth of a second of a flood by this sender, who is then thinned.
  void flood(std::uint32_t sender, std::size_t datagrams = 10'000) {
    arrive(sender, datagrams);
    REQUIRE(end(64));
  }
  [[nodiscard]] bool lists(std::uint32_t sender) const {
    return std::ranges::binary_search(senders.thinning(Family::v4).senders, io::sender_tag(address(sender), kMix));
  }
  [[nodiscard]] unsigned share() const { return senders.thinning(Family::v4).share; }
};

}  // namespace

TEST_CASE_FIXTURE(Watched, "who sends much into a socket that overflows is listed, and who sends less is not") {
  arrive(7, kHeavy);
  arrive(8, kHeavy - 1);
  arrive(3, 100'000);
  CHECK(end(64));
  CHECK(senders.size() == 2);
  CHECK(lists(3));
  CHECK(lists(7));
  const auto thinning = senders.thinning(Family::v6);
  CHECK(thinning.family == Family::v6);
  CHECK(thinning.mix == kMix);
  CHECK(std::ranges::is_sorted(thinning.senders));
}

TEST_CASE_FIXTURE(Watched, "nobody is listed while the socket has room, however much they send") {
  for (int i = 0; i < 10; ++i) {
    arrive(7, 100'000);
    CHECK_FALSE(senders.asks_for_peers(now, drops + 63));
    CHECK_FALSE(end(63));  // so few have other reasons
  }
  CHECK(senders.size() == 0);
  CHECK_FALSE(senders.next_look());
}

TEST_CASE_FIXTURE(Watched, "an interval is a tenth of a second or more, and a longer one takes more to be heavy in") {
  CHECK_FALSE(senders.due(now + 99ms));
  arrive(7, kHeavy - 1);
  CHECK_FALSE(end(64));
  arrive(7, kHeavy - 1);
  CHECK_FALSE(end(64));
  arrive(7, 10 * kHeavy - 1);
  arrive(8, 10 * kHeavy);
  CHECK(end(64, 1s));
  CHECK_FALSE(lists(7));
  CHECK(lists(8));
  senders.begin(now, 900ms);
  CHECK_FALSE(senders.due(now + 999ms));
  CHECK(senders.due(now + 1s));
}

TEST_CASE_FIXTURE(Watched, "who sends half of what makes heavy, or less, is let off after two seconds") {
  arrive(7, 5000);
  arrive(8, 5000);
  arrive(9, 5000);
  REQUIRE(end(64));
  for (int i = 0; i < 20; ++i) {
    // One in 64 passes: 250 a second, 640 and none.
    if (i % 5 == 0) arrive(7, 1);
    if (i < 7) arrive(7, i < 3 ? 1 : 0);
    arrive(8, i % 2 == 0 ? 1 : 3);
    arrive(8, 100);  // all the while the flood goes on
    CHECK(senders.size() == 3);
    (void)end(1000);
  }
  CHECK(senders.size() == 1);
  CHECK(lists(8));
}

TEST_CASE_FIXTURE(Watched,
                  "all are let off two seconds after they send less than a quarter of what control could read") {
  flood(7, 40'000);  // 400,000 a second
  for (int i = 0; i < 30; ++i) {
    arrive(7, 10'000 / 64 + 1);
    (void)end(1000);
  }
  CHECK(lists(7));
  for (int i = 0; i < 19; ++i) {
    arrive(7, (10'000U >> share()) - 1);
    (void)end(1000);
    REQUIRE(lists(7));
    CHECK(senders.next_look() == now + 100ms);
  }
  arrive(7, (10'000U >> share()) - 1);
  CHECK(end(1000));
  CHECK(senders.size() == 0);
  CHECK_FALSE(senders.next_look());
}

TEST_CASE_FIXTURE(Watched,
                  "while some are thinned, drops are the filter's: more are listed when the socket is never empty") {
  flood(7);
  for (int i = 0; i < 6; ++i) {  // until the alarm is over
    arrive(7, 200);
    (void)end(1000);
  }
  arrive(7, 200);
  arrive(8, 3000);
  (void)end(1000);
  CHECK_FALSE(lists(8));
  arrive(7, 200);
  arrive(8, 2000);
  drops += 1000;
  now += 100ms;
  (void)senders.look(now, drops);
  CHECK_FALSE(lists(8));
  arrive(8, 2096);  // 2200 were read before, and the socket was not empty in between
  CHECK(senders.asks_for_peers(now, drops));
  now += 100ms;
  CHECK(senders.look(now, drops + 64));
  CHECK(lists(8));
}

TEST_CASE_FIXTURE(Watched, "for half a second after an overflow, whoever is heavy then is listed as well") {
  flood(7);
  for (std::uint32_t i = 0; i < 4; ++i) {
    arrive(7, 200);
    arrive(100 + i, kHeavy);
    CHECK(senders.asks_for_peers(now, drops));
    (void)end();
    CHECK(lists(100 + i));
  }
  arrive(7, 200);
  arrive(200, kHeavy);
  (void)end();
  CHECK_FALSE(lists(200));
}

TEST_CASE_FIXTURE(Watched, "the share of those listed follows from how many still pass, within bounds") {
  flood(7, 1000);
  CHECK(share() == 6);
  for (unsigned expected = 7; expected <= 12; ++expected) {
    arrive(7, 251);
    CHECK(end());
    CHECK(share() == expected);
  }
  arrive(7, 251);
  CHECK_FALSE(end());
  CHECK(share() == 12);
  for (unsigned expected = 11; expected >= 6; --expected) {
    arrive(7, 15);
    CHECK(end());
    CHECK(share() == expected);
  }
  arrive(7, 15);
  CHECK_FALSE(end());
  CHECK(lists(7));
}

TEST_CASE_FIXTURE(Watched, "with another share for an address, other counts are heavy") {
  senders.set_share(200);
  arrive(7, 499);
  CHECK_FALSE(end(64));
  arrive(7, 500);
  CHECK(end(64));
  CHECK(lists(7));
}

TEST_CASE_FIXTURE(Watched, "250 heavy senders among many light ones are all found within half a second") {
  std::mt19937 random(2);
  std::vector<std::uint32_t> heavy(250);
  std::ranges::generate(heavy, [&] { return static_cast<std::uint32_t>(random()); });
  for (int interval = 0; interval < 5; ++interval) {
    for (int turn = 0; turn < 10; ++turn) {
      for (const std::uint32_t sender : heavy) arrive(sender, lists(sender) ? 1 : 20);
      for (int i = 0; i < 100; ++i) arrive(static_cast<std::uint32_t>(random()), 1);
    }
    (void)end(10'000);
  }
  for (const std::uint32_t sender : heavy) CHECK(lists(sender));
  CHECK(senders.size() == 250);
}

TEST_CASE_FIXTURE(Watched, "of more than the list takes, the heaviest are on it, each once") {
  for (int i = 0; i < 5; ++i) {
    // Of those listed one in 64 passes, or less.
    for (std::uint32_t sender = 0; sender < 1000; ++sender)
      arrive(sender, (sender < 100 ? 8192U : 256U) >> (lists(sender) ? share() : 0U));
    (void)end(10'000);
    CHECK(senders.size() == 480);
  }
  const auto thinned = senders.thinning(Family::v4).senders;
  CHECK(std::ranges::is_sorted(thinned));
  CHECK(std::ranges::adjacent_find(thinned) == thinned.end());
  for (std::uint32_t sender = 0; sender < 100; ++sender) CHECK(lists(sender));
}

TEST_CASE_FIXTURE(Watched, "the address of a peer is spared, also one that was held back before it was a peer's") {
  constexpr std::array<bool, 5> kSevenListed{false, false, true, true, true},
      kEightListed{true, true, true, false, false};
  for (std::size_t i = 0; i < 5; ++i) {
    arrive(7, 1000);
    arrive(8, 1000);
    if (i < 2) senders.spare(address(7));
    if (i >= 3) senders.spare(address(8));
    (void)end(64);
    CHECK(lists(7) == kSevenListed[i]);
    CHECK(lists(8) == kEightListed[i]);
    CHECK(senders.asks_for_peers(now, drops));
  }
}

TEST_CASE("a sender by IPv6 is its /64") {
  HeavySenders senders(kMix, Instant(1s), 0);
  for (std::uint8_t host = 0; host < 100; ++host) {
    IpAddress from{Family::v6, {}};
    from.octets[0] = 0x20;
    from.octets[15] = host;
    senders.count(from, 1);
  }
  CHECK(senders.look(Instant(1100ms), 64));
  CHECK(senders.size() == 1);
}
