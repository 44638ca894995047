// SPDX-License-Identifier: MIT
#include "peer_drops.hpp"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

using namespace culvert;

TEST_CASE("each reason has its own count, and a peer that dropped nothing has none") {
  PeerDrops drops;
  CHECK(drops.of(Drop::replayed) == 0);
  drops.count(Drop::replayed);
  drops.count(Drop::replayed, 4);
  drops.count(Drop::too_big, 2);
  CHECK(drops.of(Drop::replayed) == 5);
  CHECK(drops.of(Drop::too_big) == 2);
  CHECK(drops.of(Drop::bad_tag) == 0);
}

TEST_CASE("lanes that drop for the first time at once lose no count") {
  for (int round = 0; round < 200; ++round) {
    PeerDrops drops;
    std::vector<std::thread> lanes;
    for (int lane = 0; lane < 4; ++lane)
      lanes.emplace_back([&drops] {
        for (int i = 0; i < 10; ++i) drops.count(Drop::staging_full);
      });
    for (std::thread& lane : lanes) lane.join();
    REQUIRE(drops.of(Drop::staging_full) == 40);
  }
}
