// SPDX-License-Identifier: MIT
#include "system_entropy.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "support.hpp"

using namespace culvert;
using namespace culvert::test;

TEST_CASE("system entropy fills all of the buffer, and differently each time") {
  SystemEntropy entropy;
  // Each octet of 64 stays at its old value in all of 40 fills with probability 2^-320.
  Octets<64> changed{};
  std::vector<std::string> seen;
  for (int i = 0; i < 40; ++i) {
    Octets<64> octets{};
    entropy.fill(octets);
    for (std::size_t k = 0; k < octets.size(); ++k) changed[k] |= octets[k];
    seen.push_back(hex(octets));
  }
  CHECK(std::none_of(changed.begin(), changed.end(), [](std::uint8_t octet) { return octet == 0; }));
  std::sort(seen.begin(), seen.end());
  CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
  entropy.fill({});
}
