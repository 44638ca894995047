// SPDX-License-Identifier: MIT
#include "lane_index.hpp"

#include <doctest/doctest.h>

#include <random>
#include <vector>

using namespace culvert;

TEST_CASE("an index made for a lane names that lane") {
  std::mt19937 random(20260706);
  for (std::size_t lanes = 1; lanes <= 70; ++lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane)
      for (int i = 0; i < 20; ++i) {
        const std::uint32_t index = wire::index_for_lane(static_cast<std::uint32_t>(random()), lane, lanes);
        REQUIRE(wire::lane_of(index, lanes) == lane);
      }
}

TEST_CASE("every index names a lane that exists") {
  std::mt19937 random(20260707);
  for (std::size_t lanes = 1; lanes <= 70; ++lanes) {
    for (std::uint32_t low = 0; low < 256; ++low) REQUIRE(wire::lane_of(low, lanes) < lanes);
    for (int i = 0; i < 1000; ++i) REQUIRE(wire::lane_of(static_cast<std::uint32_t>(random()), lanes) < lanes);
    REQUIRE(wire::lane_of(0xffffffff, lanes) < lanes);
  }
}

TEST_CASE("as few bits as the lanes need are not random") {
  const struct {
    std::size_t lanes;
    std::uint32_t mask;
  } expected[] = {{1, 0}, {2, 1}, {3, 3}, {4, 3}, {5, 7}, {8, 7}, {9, 15}, {16, 15}, {17, 31}, {64, 63}};
  for (const auto& e : expected) {
    CHECK(wire::lane_mask(e.lanes) == e.mask);
    CHECK((wire::index_for_lane(0xffffffff, 0, e.lanes)) == ~e.mask);
    CHECK((wire::index_for_lane(0, e.lanes - 1, e.lanes)) == e.lanes - 1);
  }
}
