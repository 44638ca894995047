// SPDX-License-Identifier: MIT
// The tree's own corners; its answers are held against a plain list in allowed_ips_test.cpp.
#include "prefix_trie.hpp"

#include <algorithm>
#include <numeric>
#include <random>

#include <doctest/doctest.h>

using namespace culvert;

namespace {

using Trie = PrefixTrie<std::uint32_t>;
constexpr std::uint32_t kNobody = 0xffffffff;

struct Row {
  std::uint32_t key;
  unsigned tail;
};

/// All that one node can branch on: the 63 prefixes that end in its 6 bits and the 64 values of the bits, each with one
/// address below.
std::vector<Row> full_node() {
  std::vector<Row> rows;
  const std::uint32_t base = 0x0a000000;
  for (unsigned length = 20; length < 26; ++length) {
    for (std::uint32_t value = 0; value < 1u << (length - 20); ++value)
      rows.push_back({base | value << (32 - length), 32 - length});
  }
  for (std::uint32_t value = 0; value < 64; ++value) rows.push_back({base | value << 6 | 5, 0});
  return rows;
}

}  // namespace

TEST_CASE("a node takes all that it can branch on, and gives it back in any order") {
  const std::vector<Row> rows = full_node();
  REQUIRE(rows.size() == 127);
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::uint32_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    std::shuffle(order.begin(), order.end(), random);
    Trie trie;
    for (const std::size_t n : order) trie.insert(rows[n].key, rows[n].tail, static_cast<std::uint32_t>(n));
    for (std::size_t n = 0; n < rows.size(); ++n) {
      REQUIRE(trie.find(rows[n].key, rows[n].tail) != Trie::kNone);
      CHECK(trie[trie.find(rows[n].key, rows[n].tail)].owner == n);
    }
    for (std::size_t n = 63; n < 127; ++n) {
      CHECK(trie.lookup(rows[n].key, kNobody) == n);
      CHECK(trie.lookup(rows[n].key + 1, kNobody) == 31 + (n - 63) / 2);  // the /25 around it
    }
    CHECK(trie.lookup(0x0a001000, kNobody) == kNobody);
    std::shuffle(order.begin(), order.end(), random);
    for (const std::size_t n : order) {
      trie.erase(trie.find(rows[n].key, rows[n].tail));
      REQUIRE(trie.find(rows[n].key, rows[n].tail) == Trie::kNone);
    }
    CHECK(trie.size() == 0);
    CHECK(trie.memory() == 0);
  }
}

TEST_CASE("a branch that the key only seems to follow does not hide a shorter prefix") {
  // Nodes skip the bits in which all below them agree, so the first way down may be wrong from the start.
  Trie trie;
  trie.insert(0, 32, 1);           // 0.0.0.0/0
  trie.insert(0x0a000000, 24, 2);  // 10.0.0.0/8
  trie.insert(0x0a010200, 8, 3);   // 10.1.2.0/24
  trie.insert(0x0a010203, 0, 4);   // 10.1.2.3/32
  trie.insert(0x0a010213, 0, 5);   // 10.1.2.19/32
  CHECK(trie.lookup(0x0a010203, kNobody) == 4);
  CHECK(trie.lookup(0x0a010204, kNobody) == 3);
  CHECK(trie.lookup(0x0a020203, kNobody) == 2);  // as 10.1.2.3 in the last octets
  CHECK(trie.lookup(0x0b010203, kNobody) == 1);  // as 10.1.2.3 but for the first
  CHECK(trie.lookup(0x0a020303, kNobody) == 2);
  trie.erase(trie.find(0, 32));
  CHECK(trie.lookup(0x0b010203, kNobody) == kNobody);
}

TEST_CASE("an id stays with its prefix while others come and go, and is used again after it") {
  Trie trie;
  const Trie::Id kept = trie.insert(0x0a000001, 0, 7);
  const Trie::Id gone = trie.insert(0x0a000002, 0, 8);
  for (std::uint32_t n = 3; n < 200; ++n) trie.insert(0x0a000000 | n, 0, n);
  CHECK(trie.find(0x0a000001, 0) == kept);
  trie.erase(gone);
  CHECK(trie[kept].owner == 7);
  CHECK(trie[kept].key == 0x0a000001);
  CHECK(trie.insert(0x0b000000, 24, 9) == gone);
  trie.set_owner(kept, 70);
  CHECK(trie.lookup(0x0a000001, kNobody) == 70);
}

TEST_CASE("keys of 128 bits branch on both sides of their middle") {
  PrefixTrie<Key128> trie;
  for (unsigned n = 0; n < 128; ++n) {
    const std::uint64_t bit = std::uint64_t{1} << (n % 64);
    trie.insert(n < 64 ? Key128{.high = 0, .low = bit} : Key128{.high = bit, .low = 0}, n, n);
  }
  for (unsigned n = 0; n < 128; ++n) {  // bit n and any below it: inside the prefix with n host bits
    const std::uint64_t ones = (std::uint64_t{2} << (n % 64)) - 1;
    const Key128 key = n < 64 ? Key128{.high = 0, .low = ones} : Key128{.high = ones, .low = ~std::uint64_t{0}};
    CHECK(trie.lookup(key, kNobody) == n);
  }
  CHECK(trie.lookup(Key128{}, kNobody) == kNobody);
}

TEST_CASE("a node that shrinks lends its room to others") {
  // 200 groups of 64 addresses shrink to 2 each; as many again must then fit in what the first left.
  const auto address = [](std::uint32_t group, std::uint32_t n) { return 0x0a000000u | group << 12 | n; };
  Trie trie;
  for (std::uint32_t group = 0; group < 200; ++group) {
    for (std::uint32_t n = 0; n < 64; ++n) trie.insert(address(group, n), 0, group);
  }
  for (std::uint32_t round = 1; round < 10; ++round) {
    for (std::uint32_t group = 0; group < 200; ++group) {
      for (std::uint32_t n = 2; n < 64; ++n) trie.erase(trie.find(address(group + 200 * (round - 1), n), 0));
    }
    for (std::uint32_t group = 0; group < 200; ++group) {
      for (std::uint32_t n = 0; n < 64; ++n) trie.insert(address(group + 200 * round, n), 0, group);
    }
  }
  CHECK(trie.size() == 9 * 200 * 2 + 200 * 64);
  CHECK(trie.memory() < 40 * trie.size());  // 26 each; 56 when nodes keep the room that they once needed
}
