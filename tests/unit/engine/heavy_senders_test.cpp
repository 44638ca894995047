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
  HeavySenders senders{kMix};
  Instant now{1000s};
  std::uint64_t drops = 0;

  Watched() {
    REQUIRE(senders.due(now));
    CHECK_FALSE(senders.look(now, drops));
  }
  void arrive(std::uint32_t sender, std::size_t datagrams) { senders.count(address(sender), datagrams); }
  /// The interval ends; the socket was full, or not.
  bool end(bool overflow) {
    drops += overflow ? 1 : 0;
    now += 100ms;
    REQUIRE(senders.due(now));
    CHECK(senders.overflowed(drops) == overflow);
    return senders.look(now, drops);
  }
  [[nodiscard]] std::vector<std::uint32_t> listed() const {
    const auto tags = senders.thinning(Family::v4).senders;
    return {tags.begin(), tags.end()};
  }
  [[nodiscard]] unsigned share() const { return senders.thinning(Family::v4).share; }
};

}  // namespace

TEST_CASE_FIXTURE(Watched, "who sends much into a socket that overflows is listed, and who sends less is not") {
  arrive(7, kHeavy);
  arrive(8, kHeavy - 1);
  arrive(3, 100'000);
  CHECK(end(true));
  CHECK(listed() == std::vector<std::uint32_t>{3, 7});
  CHECK(senders.size() == 2);
  const auto thinning = senders.thinning(Family::v6);
  CHECK(thinning.family == Family::v6);
  CHECK(thinning.mix == kMix);
}

TEST_CASE_FIXTURE(Watched, "nobody is listed while the socket has room, however much they send") {
  for (int i = 0; i < 10; ++i) {
    arrive(7, 100'000);
    CHECK_FALSE(end(false));
  }
  CHECK(listed().empty());
  CHECK_FALSE(senders.next_look());
}

TEST_CASE_FIXTURE(Watched, "an interval is a tenth of a second, and counts begin anew in each") {
  arrive(7, kHeavy - 1);
  CHECK_FALSE(senders.due(now + 99ms));
  CHECK_FALSE(end(true));
  arrive(7, kHeavy - 1);
  CHECK_FALSE(end(true));
  CHECK(listed().empty());
}

TEST_CASE_FIXTURE(Watched, "after two seconds without a datagram a sender is let off, and it is looked at till then") {
  arrive(7, 1000);
  arrive(8, 1000);
  REQUIRE(end(true));
  for (int i = 0; i < 19; ++i) {
    CHECK(senders.next_look() == now + 100ms);
    arrive(8, 1);
    CHECK_FALSE(end(true));
  }
  CHECK(end(true));
  CHECK(listed() == std::vector<std::uint32_t>{8});
  for (int i = 0; i < 18; ++i) CHECK_FALSE(end(false));
  CHECK(end(false));
  CHECK(listed().empty());
  CHECK_FALSE(senders.next_look());
}

TEST_CASE_FIXTURE(Watched, "the share of those listed follows from how many still pass, within bounds") {
  arrive(7, 1000);
  REQUIRE(end(true));
  CHECK(share() == 6);
  for (unsigned expected = 7; expected <= 12; ++expected) {
    arrive(7, 251);
    CHECK(end(true));
    CHECK(share() == expected);
  }
  arrive(7, 251);
  CHECK_FALSE(end(true));
  CHECK(share() == 12);
  for (unsigned expected = 11; expected >= 6; --expected) {
    arrive(7, 14);
    CHECK(end(true));
    CHECK(share() == expected);
  }
  arrive(7, 14);
  CHECK_FALSE(end(true));
  CHECK(listed() == std::vector<std::uint32_t>{7});
}

TEST_CASE_FIXTURE(Watched, "with another share for an address, other counts are heavy") {
  senders.set_share(200);
  arrive(7, 499);
  CHECK_FALSE(end(true));
  arrive(7, 500);
  CHECK(end(true));
  CHECK(listed() == std::vector<std::uint32_t>{7});
}

TEST_CASE_FIXTURE(Watched, "250 heavy senders among many light ones are all found within some intervals") {
  std::mt19937 random(2);
  std::vector<std::uint32_t> heavy(250);
  std::ranges::generate(heavy, [&] { return static_cast<std::uint32_t>(random()); });
  std::ranges::sort(heavy);
  for (int interval = 0; interval < 10; ++interval) {
    for (int turn = 0; turn < 10; ++turn) {
      for (const std::uint32_t sender : heavy) arrive(sender, 20);
      for (int i = 0; i < 100; ++i) arrive(static_cast<std::uint32_t>(random()), 1);
    }
    (void)end(true);
  }
  CHECK(listed() == heavy);
}

TEST_CASE_FIXTURE(Watched, "of more than the list takes, the heaviest are on it") {
  const auto flood = [&] {
    for (std::uint32_t sender = 0; sender < 1000; ++sender) arrive(sender, sender < 100 ? 5000 : 60);
  };
  flood();
  REQUIRE(end(true));
  CHECK(senders.size() == 480);
  for (int i = 0; i < 10; ++i) {
    // Of those listed one in 64 passes.
    const auto thinned = listed();
    for (std::uint32_t sender = 0; sender < 1000; ++sender) {
      const bool is_listed = std::ranges::binary_search(thinned, sender);
      arrive(sender, (sender < 100 ? 5120U : 64U) / (is_listed ? 64U : 1U));
    }
    (void)end(true);
    CHECK(senders.size() == 480);
  }
  const auto thinned = listed();
  CHECK(std::ranges::is_sorted(thinned));
  CHECK(std::ranges::adjacent_find(thinned) == thinned.end());
  for (std::uint32_t sender = 0; sender < 100; ++sender) CHECK(std::ranges::binary_search(thinned, sender));
}

TEST_CASE_FIXTURE(Watched, "the address of a peer is spared, also one that was held back before it was a peer's") {
  for (int i = 0; i < 5; ++i) {
    arrive(7, 1000);
    arrive(8, 1000);
    if (i < 2) senders.spare(address(7));
    if (i >= 3) senders.spare(address(8));
    (void)end(true);
    CHECK(listed() == std::vector<std::vector<std::uint32_t>>{{8}, {8}, {7, 8}, {7}, {7}}[static_cast<std::size_t>(i)]);
  }
}

TEST_CASE_FIXTURE(Watched, "with very many peers to be spared an interval is longer") {
  CHECK_FALSE(senders.look(now, drops, 1'000'000));
  CHECK_FALSE(senders.due(now + 1099ms));
  CHECK(senders.due(now + 1100ms));
}

TEST_CASE("a sender by IPv6 is its /64") {
  HeavySenders senders(kMix);
  CHECK_FALSE(senders.look(Instant(1s), 0));
  for (std::uint8_t host = 0; host < 100; ++host) {
    IpAddress from{Family::v6, {}};
    from.octets[0] = 0x20;
    from.octets[15] = host;
    senders.count(from, 1);
  }
  CHECK(senders.look(Instant(2s), 1));
  CHECK(senders.size() == 1);
}
