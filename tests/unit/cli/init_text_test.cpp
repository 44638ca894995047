// SPDX-License-Identifier: MIT
#include "init_text.hpp"

#include <doctest/doctest.h>

#include "surroundings.hpp"

using namespace culvert;
using namespace culvert::cli;

namespace {

/// Octets that count up from a start.
class Counting final : public Entropy {
 public:
  explicit Counting(std::uint8_t start) : next_(start) {}
  void fill(MutBytes out) noexcept override {
    for (std::uint8_t& octet : out) octet = next_++;
  }

 private:
  std::uint8_t next_;
};

}  // namespace

TEST_CASE("a pool is a /24 of 10.64.0.0 and up, and a /64 of fd00::/8, the gateway the first in each") {
  Counting entropy(7);
  const std::vector<Prefix> pool = draw_pool(entropy, {});
  REQUIRE(pool.size() == 2);
  CHECK(to_string(pool[0]) == "10.71.8.1/24");
  CHECK(to_string(pool[1]) == "fd09:a0b:c0d::1/64");
}

TEST_CASE("a pool keeps clear of the networks that the machine is in") {
  for (unsigned start = 0; start < 256; ++start) {
    Counting entropy(static_cast<std::uint8_t>(start));
    Counting same(static_cast<std::uint8_t>(start));
    const Prefix first = masked(draw_pool(same, {})[0]);
    const Prefix wide{first.address, 16};
    const std::vector<Prefix> pool = draw_pool(entropy, {masked(wide), *parse_prefix("0.0.0.0/0")});
    CHECK_FALSE(overlap(pool[0], masked(wide)));
  }
}

TEST_CASE("a machine that is in all of the private networks gets a pool all the same") {
  Counting entropy(0);
  CHECK(draw_pool(entropy, {*parse_prefix("10.0.0.0/8")}).size() == 2);
}

TEST_CASE("lists of prefixes are TOML") {
  CHECK(toml_list({}) == "[]");
  CHECK(toml_list({*parse_prefix("10.0.0.1/24"), *parse_prefix("fd00::1/64")}) == "[\"10.0.0.1/24\", \"fd00::1/64\"]");
}
