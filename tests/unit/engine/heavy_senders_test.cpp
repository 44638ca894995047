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
constexpr std::size_t kHeavy = 50;     // 25 times 20 a second, in a tenth of a second
constexpr std::uint64_t kShare6 = 64;  // one in so many passes at first

IpAddress address(std::uint32_t number) {
  IpAddress result{Family::v4, {}};
  for (std::size_t i = 0; i < 4; ++i) result.octets[i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  return result;
}

struct Watched {
  Instant now{1000s};
  HeavySenders senders{kMix, now, 7};
  std::uint64_t drops = 7;

  Watched() {
    arrive(1, 1);
    REQUIRE_FALSE(end());
  }
  void arrive(std::uint32_t sender, std::size_t datagrams) {
    senders.count(address(sender), datagrams);
    reads += datagrams;
  }
  std::size_t reads = 0;
  /// The interval ends; so many were dropped in it.
  bool end(std::uint64_t dropped = 0, Duration after = 100ms) {
    drops += dropped;
    now += after;
    REQUIRE(senders.due(now));
    senders.found_empty();
    senders.spent(std::chrono::microseconds(reads));  // of a million a second
    reads = 0;
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
  arrive(3, 100'000);  // so that 64 are next to nothing
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
    CHECK(senders.asks_for_peers(now, drops + 64));
    CHECK_FALSE(end(63));  // so few have other reasons
  }
  CHECK(senders.size() == 0);
  CHECK_FALSE(senders.next_look());
}

TEST_CASE_FIXTURE(Watched, "what was lost was sent as well") {
  // 20 senders of 1000 a second each, of whose datagrams one in four was read.
  for (std::uint32_t sender = 1; sender <= 20; ++sender) arrive(sender, 25);
  arrive(100, 12);
  REQUIRE(end(1500));
  CHECK(senders.size() == 20);
  CHECK_FALSE(lists(100));
}

TEST_CASE_FIXTURE(Watched, "an interval is a tenth of a second or more, and a longer one takes more to be heavy in") {
  CHECK_FALSE(senders.due(now + 99ms));
  const auto many = [&] {  // so that 64 are next to nothing
    for (std::uint32_t sender = 1000; sender < 1200; ++sender) arrive(sender, 45);
  };
  for (int i = 0; i < 2; ++i) {
    arrive(7, kHeavy - 1);
    many();
    (void)end(64);
  }
  many();
  arrive(7, 9 * kHeavy);
  arrive(8, 10 * kHeavy);
  CHECK(end(64, 1s));
  CHECK_FALSE(lists(7));
  CHECK(lists(8));
  senders.begin(now, 900ms);
  CHECK_FALSE(senders.due(now + 999ms));
  CHECK(senders.due(now + 1s));
}

TEST_CASE_FIXTURE(Watched, "who sends half of what makes heavy, or less, is let off after two seconds") {
  for (const std::uint32_t sender : {6U, 7U, 8U, 9U}) arrive(sender, 5000);
  REQUIRE(end(64));
  for (int i = 0; i < 20; ++i) {
    // One in 64 passes: of 6 as of 288 a second, of 7 as of 224, of 8 as of a flood, of 9 none. Half is 250.
    if (i < 9) arrive(6, 1);
    if (i < 7) arrive(7, 1);
    arrive(8, 240);
    CHECK(senders.size() == 4);
    (void)end();
    REQUIRE(share() == 6);
  }
  CHECK(senders.size() == 2);
  CHECK(lists(6));
  CHECK(lists(8));
}

TEST_CASE_FIXTURE(Watched,
                  "all are let off two seconds after they send less than an eighth of what control could read") {
  flood(7, 40'000);  // of a million a second that it could read
  for (int i = 0; i < 30; ++i) {
    arrive(7, (12'500U >> share()) + 1);
    (void)end(1000);
  }
  CHECK(lists(7));
  for (int i = 0; i < 19; ++i) {
    arrive(7, (12'500U >> share()) - 1);
    (void)end(1000);
    REQUIRE(lists(7));
    CHECK(senders.next_look() == now + 100ms);
  }
  arrive(7, (12'500U >> share()) - 1);
  CHECK(end(1000));
  CHECK(senders.size() == 0);
  CHECK_FALSE(senders.next_look());
}

TEST_CASE_FIXTURE(Watched, "what the filter dropped last is told when it is gone, and is no overflow") {
  flood(7);
  for (int i = 0; i < 20; ++i) (void)end();
  REQUIRE(senders.size() == 0);
  CHECK_FALSE(end(500));  // nothing arrived yet, so this is no news either
  arrive(7, 1000);
  CHECK_FALSE(end(500));
  CHECK(senders.size() == 0);
  arrive(7, 1000);
  CHECK(end(500));
  CHECK(lists(7));
}

TEST_CASE_FIXTURE(Watched,
                  "while some are thinned, an overflow is a socket that is never empty, or far too many drops") {
  const auto go_on = [&](std::uint64_t dropped) {
    arrive(7, 200);
    (void)end(dropped);
  };
  flood(7);
  for (int i = 0; i < 6; ++i) go_on(200U * kShare6);  // until the alarm is over

  SUBCASE("as many as the filter drops are none") {
    arrive(8, 3000);
    go_on(200U * kShare6);
    CHECK_FALSE(lists(8));
    go_on(412U * kShare6);
    CHECK_FALSE(lists(8));
  }
  SUBCASE("more than twice as many are one") {
    arrive(8, 3000);
    go_on(412U * kShare6 + 1);
    CHECK(lists(8));
  }
  SUBCASE("so is a run of 4096 datagrams, over intervals") {
    arrive(7, 200);
    arrive(8, 2000);
    now += 100ms;
    (void)senders.look(now, drops += 1000);
    CHECK_FALSE(lists(8));
    arrive(8, 1896);  // 2200 were read before, and the socket was not empty in between
    now += 100ms;
    CHECK(senders.look(now, drops += 64));
    CHECK(lists(8));
  }
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
  arrive(1, 100'000);
  arrive(7, 499);
  arrive(8, 500);
  CHECK(end(64));
  CHECK_FALSE(lists(7));
  CHECK(lists(8));
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
  }
}

TEST_CASE("a sender by IPv6 is its /64, and drops of before the first arrivals do not count") {
  HeavySenders senders(kMix, Instant(1s), 0);
  const auto arrive = [&] {
    for (std::uint8_t host = 0; host < 100; ++host) {
      IpAddress from{Family::v6, {}};
      from.octets[0] = 0x20;
      from.octets[15] = host;
      senders.count(from, 1);
    }
  };
  arrive();
  CHECK_FALSE(senders.look(Instant(1100ms), 64));
  arrive();
  CHECK(senders.look(Instant(1200ms), 128));
  CHECK(senders.size() == 1);
}
