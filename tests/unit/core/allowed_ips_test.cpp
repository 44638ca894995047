// SPDX-License-Identifier: MIT
#include "allowed_ips.hpp"

#include <random>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>

using namespace culvert;

namespace {

using Owner = AllowedIps::Owner;
constexpr Owner kNobody = 0xffffffff;

Prefix prefix(std::string_view text) { return parse_prefix(text).value(); }
Owner lookup(const AllowedIps& table, std::string_view address) { return table.lookup(parse_address(address).value()); }

/// What the table must do, in the plainest way: a list in the order of insertion, compared bit by bit.
class Oracle {
 public:
  struct Row {
    Prefix prefix;
    Owner owner;
  };

  static bool bit(const IpAddress& address, unsigned n) { return ((address.octets[n / 8] << (n % 8)) & 0x80) != 0; }

  static bool holds(const Prefix& prefix, const IpAddress& address) {
    if (prefix.address.family != address.family) return false;
    for (unsigned n = 0; n < prefix.length; ++n) {
      if (bit(prefix.address, n) != bit(address, n)) return false;
    }
    return true;
  }

  static bool same(const Prefix& a, const Prefix& b) { return a.length == b.length && holds(a, b.address); }

  void insert(const Prefix& prefix, Owner owner) {
    std::erase_if(rows, [&](const Row& row) { return same(row.prefix, prefix); });
    Row row{prefix, owner};
    const unsigned bits = prefix.address.family == Family::v4 ? 32 : 128;
    for (unsigned n = prefix.length; n < bits; ++n)
      row.prefix.address.octets[n / 8] &= static_cast<std::uint8_t>(~(0x80u >> (n % 8)));
    rows.push_back(row);
  }

  bool remove(const Prefix& prefix, Owner owner) {
    return std::erase_if(rows, [&](const Row& row) { return row.owner == owner && same(row.prefix, prefix); }) != 0;
  }

  void remove_owner(Owner owner) {
    std::erase_if(rows, [&](const Row& row) { return row.owner == owner; });
  }

  [[nodiscard]] Owner lookup(const IpAddress& address) const {
    Owner owner = kNobody;
    int longest = -1;
    for (const Row& row : rows) {
      if (row.prefix.length <= longest || !holds(row.prefix, address)) continue;
      longest = row.prefix.length;
      owner = row.owner;
    }
    return owner;
  }

  [[nodiscard]] Owner owner_of(const Prefix& prefix) const {
    for (const Row& row : rows) {
      if (same(row.prefix, prefix)) return row.owner;
    }
    return kNobody;
  }

  [[nodiscard]] std::vector<Prefix> of(Owner owner) const {
    std::vector<Prefix> found;
    for (const Family family : {Family::v4, Family::v6}) {
      for (const Row& row : rows) {
        if (row.owner == owner && row.prefix.address.family == family) found.push_back(row.prefix);
      }
    }
    return found;
  }

  std::vector<Row> rows;
};

/// Addresses and prefixes that crowd together: a known address with some low bits thrown anew, so that prefixes nest.
class Crowd {
 public:
  explicit Crowd(std::uint32_t seed) : random_(seed) {}

  std::uint32_t number(std::uint32_t below) { return static_cast<std::uint32_t>(random_() % below); }

  IpAddress address() {
    if (known_.empty() || number(16) == 0) return remember(fresh());
    IpAddress address = known_[number(static_cast<std::uint32_t>(known_.size()))];
    const unsigned bits = address_bits(address.family);
    for (unsigned n = number(bits + 1); n < bits; ++n) {
      if (number(2) == 0) address.octets[n / 8] ^= static_cast<std::uint8_t>(0x80u >> (n % 8));
    }
    return number(4) == 0 ? remember(address) : address;
  }

  Prefix prefix() {
    const IpAddress at = address();
    const unsigned bits = address_bits(at.family);
    const unsigned length = number(5) == 0 ? bits : number(bits + 1);
    return {.address = at, .length = static_cast<std::uint8_t>(length)};
  }

 private:
  IpAddress fresh() {
    IpAddress address{.family = number(2) == 0 ? Family::v4 : Family::v6};
    for (unsigned n = 0; n < address_bits(address.family) / 8u; ++n)
      address.octets[n] = static_cast<std::uint8_t>(number(256));
    return address;
  }

  const IpAddress& remember(const IpAddress& address) {
    if (known_.size() < 64) return known_.emplace_back(address);
    return known_[number(64)] = address;
  }

  std::mt19937 random_;
  std::vector<IpAddress> known_;
};

}  // namespace

TEST_CASE("an empty table owns nothing") {
  const AllowedIps table;
  CHECK(lookup(table, "192.0.2.1") == kNobody);
  CHECK(lookup(table, "::1") == kNobody);
  CHECK(table.owner_of(prefix("0.0.0.0/0")) == kNobody);
  CHECK(table.of(0).empty());
  CHECK(table.size() == 0);
  CHECK(table.memory() == 0);
  CHECK(AllowedIps::kNobody == kNobody);
}

TEST_CASE("the longest prefix wins, in whatever order they came") {
  const std::array<std::pair<std::string_view, Owner>, 5> rows{
      {{"0.0.0.0/0", 1}, {"10.0.0.0/8", 2}, {"10.1.0.0/16", 3}, {"10.1.2.0/24", 4}, {"10.1.2.3/32", 5}}};
  for (const bool longest_first : {false, true}) {
    AllowedIps table;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto& [text, owner] = rows[longest_first ? rows.size() - 1 - i : i];
      table.insert(prefix(text), owner);
    }
    CHECK(lookup(table, "10.1.2.3") == 5);
    CHECK(lookup(table, "10.1.2.4") == 4);
    CHECK(lookup(table, "10.1.3.3") == 3);
    CHECK(lookup(table, "10.2.2.3") == 2);
    CHECK(lookup(table, "11.1.2.3") == 1);
    CHECK(lookup(table, "::1") == kNobody);
    CHECK(table.size() == 5);
  }
}

TEST_CASE("a prefix of one peer inside that of another is not the other's") {  // a peer must not send as its neighbour
  AllowedIps table;
  table.insert(prefix("10.0.0.0/24"), 1);
  table.insert(prefix("10.0.0.128/25"), 2);
  table.insert(prefix("10.0.0.200/32"), 1);
  CHECK(lookup(table, "10.0.0.127") == 1);
  CHECK(lookup(table, "10.0.0.128") == 2);
  CHECK(lookup(table, "10.0.0.199") == 2);
  CHECK(lookup(table, "10.0.0.200") == 1);
  CHECK(lookup(table, "10.0.0.201") == 2);
}

TEST_CASE("the families do not meet") {
  AllowedIps table;
  table.insert(prefix("0.0.0.0/0"), 4);
  CHECK(lookup(table, "::") == kNobody);
  CHECK(lookup(table, "::ffff:192.0.2.1") == kNobody);
  table.insert(prefix("::/0"), 6);
  CHECK(lookup(table, "0.0.0.0") == 4);
  CHECK(lookup(table, "::") == 6);
  CHECK(lookup(table, "::ffff:192.0.2.1") == 6);
  CHECK(table.size() == 2);
}

TEST_CASE("the shortest and the longest prefixes are like all others") {
  AllowedIps table;
  for (const std::string_view text : {"0.0.0.0/0", "::/0"}) {
    table.insert(prefix(text), 9);
    CHECK(table.owner_of(prefix(text)) == 9);
  }
  table.insert(prefix("255.255.255.255/32"), 1);
  table.insert(prefix("0.0.0.0/32"), 2);
  table.insert(prefix("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"), 3);
  table.insert(prefix("::/128"), 4);
  CHECK(lookup(table, "255.255.255.255") == 1);
  CHECK(lookup(table, "255.255.255.254") == 9);
  CHECK(lookup(table, "0.0.0.0") == 2);
  CHECK(lookup(table, "0.0.0.1") == 9);
  CHECK(lookup(table, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff") == 3);
  CHECK(lookup(table, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe") == 9);
  CHECK(lookup(table, "::") == 4);
  CHECK(lookup(table, "::1") == 9);
  CHECK(table.size() == 6);
}

TEST_CASE("every length of both families is found, nested in one another") {
  AllowedIps table;
  IpAddress v4{.family = Family::v4, .octets = {0xa5, 0x5a, 0x96, 0x69}};
  IpAddress v6{.family = Family::v6,
               .octets = {0xa5, 0x5a, 0x96, 0x69, 0xa5, 0x5a, 0x96, 0x69,  //
                          0xa5, 0x5a, 0x96, 0x69, 0xa5, 0x5a, 0x96, 0x69}};
  for (IpAddress address : {v4, v6}) {
    const unsigned bits = address_bits(address.family);
    for (unsigned length = 0; length <= bits; ++length)
      table.insert({.address = address, .length = static_cast<std::uint8_t>(length)}, length);
    CHECK(table.lookup(address) == bits);
    for (unsigned n = 0; n < bits; ++n) {  // the first bit that differs is n: the longest that holds it has n bits
      IpAddress other = address;
      other.octets[n / 8] ^= static_cast<std::uint8_t>(0x80u >> (n % 8));
      CHECK(table.lookup(other) == n);
    }
  }
  CHECK(table.size() == 33 + 129);
}

TEST_CASE("host bits are ignored, on the way in and on the way out") {
  AllowedIps table;
  table.insert(prefix("192.95.5.64/27"), 1);
  table.insert(prefix("192.95.5.65/27"), 2);
  CHECK(table.size() == 1);
  CHECK(lookup(table, "192.95.5.90") == 2);
  CHECK(table.owner_of(prefix("192.95.5.80/27")) == 2);
  CHECK(table.of(2) == std::vector{prefix("192.95.5.64/27")});
  CHECK(table.remove(prefix("192.95.5.95/27"), 2));
  CHECK(table.size() == 0);
}

TEST_CASE("an identical prefix moves to its new owner") {
  AllowedIps table;
  table.insert(prefix("10.0.0.0/24"), 1);
  table.insert(prefix("10.0.1.0/24"), 1);
  table.insert(prefix("10.0.0.0/24"), 2);
  CHECK(table.size() == 2);
  CHECK(lookup(table, "10.0.0.1") == 2);
  CHECK(table.of(1) == std::vector{prefix("10.0.1.0/24")});
  CHECK(table.of(2) == std::vector{prefix("10.0.0.0/24")});
  table.remove_owner(1);
  CHECK(lookup(table, "10.0.0.1") == 2);
  CHECK(lookup(table, "10.0.1.1") == kNobody);
}

TEST_CASE("only the owner's exact prefix is removed") {
  AllowedIps table;
  table.insert(prefix("192.168.4.0/24"), 1);
  table.insert(prefix("192.168.4.4/32"), 2);
  CHECK_FALSE(table.remove(prefix("192.168.4.0/24"), 2));
  CHECK_FALSE(table.remove(prefix("192.168.4.4/32"), 1));
  CHECK_FALSE(table.remove(prefix("192.168.4.0/23"), 1));
  CHECK_FALSE(table.remove(prefix("192.168.4.0/25"), 1));
  CHECK_FALSE(table.remove(prefix("192.168.4.5/32"), 2));
  CHECK_FALSE(table.remove(prefix("::/0"), 1));
  CHECK_FALSE(table.remove(prefix("192.168.4.4/32"), kNobody));
  CHECK(table.size() == 2);
  CHECK(table.remove(prefix("192.168.4.4/32"), 2));
  CHECK(lookup(table, "192.168.4.4") == 1);
  CHECK_FALSE(table.remove(prefix("192.168.4.4/32"), 2));
  CHECK(table.remove(prefix("192.168.4.0/24"), 1));
  CHECK(lookup(table, "192.168.4.4") == kNobody);
  CHECK(table.memory() == 0);
}

TEST_CASE("the prefixes of an owner are listed IPv4 first, and by insertion") {
  AllowedIps table;
  table.insert(prefix("2001:db8::/32"), 7);
  table.insert(prefix("10.2.0.0/16"), 7);
  table.insert(prefix("10.9.0.0/16"), 3);
  table.insert(prefix("10.1.0.0/16"), 7);
  table.insert(prefix("::/0"), 7);
  table.insert(prefix("10.3.0.0/16"), 7);
  CHECK(table.of(7) == std::vector{prefix("10.2.0.0/16"), prefix("10.1.0.0/16"), prefix("10.3.0.0/16"),
                                   prefix("2001:db8::/32"), prefix("::/0")});
  table.insert(prefix("10.2.0.0/16"), 7);  // the same again counts as the newest [K]
  table.remove(prefix("10.1.0.0/16"), 7);
  CHECK(table.of(7) ==
        std::vector{prefix("10.3.0.0/16"), prefix("10.2.0.0/16"), prefix("2001:db8::/32"), prefix("::/0")});
  CHECK(table.of(3) == std::vector{prefix("10.9.0.0/16")});
  CHECK(table.of(0).empty());
  CHECK(table.of(1000).empty());
  CHECK(table.of(kNobody).empty());
  std::size_t seen = 0;
  std::as_const(table).for_each_of(7, [&](const Prefix&) { ++seen; });
  CHECK(seen == 4);
}

TEST_CASE("a removed owner takes its prefixes along, and no others") {
  AllowedIps table;
  for (unsigned i = 0; i < 200; ++i) {
    const IpAddress address{.family = Family::v4, .octets = {10, 0, static_cast<std::uint8_t>(i), 1}};
    table.insert({.address = address, .length = 32}, i % 2);
    table.insert({.address = address, .length = 24}, 1 - i % 2);
  }
  table.insert(prefix("2001:db8::/32"), 0);
  table.remove_owner(0);
  table.remove_owner(0);
  table.remove_owner(99);
  table.remove_owner(kNobody);
  CHECK(table.size() == 200);
  CHECK(table.of(0).empty());
  CHECK(table.of(1).size() == 200);
  CHECK(lookup(table, "10.0.3.1") == 1);
  CHECK(lookup(table, "10.0.4.1") == 1);
  CHECK(lookup(table, "10.0.3.2") == kNobody);
  CHECK(lookup(table, "2001:db8::1") == kNobody);
  table.remove_owner(1);
  CHECK(table.size() == 0);
  CHECK(table.memory() == 0);
}

TEST_CASE("a cleared table is like a new one") {
  AllowedIps table;
  table.insert(prefix("10.0.0.0/8"), 1);
  table.insert(prefix("2001:db8::/32"), 2);
  table.clear();
  CHECK(table.size() == 0);
  CHECK(table.memory() == 0);
  CHECK(lookup(table, "10.0.0.1") == kNobody);
  CHECK(table.of(1).empty());
  table.insert(prefix("10.0.0.0/8"), 3);
  CHECK(lookup(table, "10.0.0.1") == 3);
}

TEST_CASE("a copy stands alone, and a table that was moved from still answers") {
  AllowedIps table;
  table.insert(prefix("10.0.0.0/8"), 1);
  AllowedIps copy = table;
  table.insert(prefix("10.0.0.0/16"), 2);
  copy.remove_owner(1);
  CHECK(lookup(table, "10.0.0.1") == 2);
  CHECK(copy.memory() == 0);
  const AllowedIps moved = std::move(table);
  CHECK(lookup(moved, "10.1.0.1") == 1);
  const Owner left = lookup(table, "10.1.0.1");  // NOLINT(bugprone-use-after-move): that it may be used is tested
  CHECK((left == kNobody || left == 1));
  table.clear();
  CHECK(lookup(table, "10.1.0.1") == kNobody);
}

TEST_CASE("random changes leave what a plain list leaves") {
  for (std::uint32_t seed = 1; seed <= 6; ++seed) {
    CAPTURE(seed);
    Crowd crowd(seed);
    AllowedIps table;
    const AllowedIps& view = table;
    Oracle oracle;
    const std::uint32_t grows = 4 + 2 * seed;  // of 16 steps: some tables stay small, some become large
    std::size_t wrong = 0;
    for (int step = 0; step < 6000; ++step) {
      const Prefix at = crowd.prefix();
      const Owner owner = crowd.number(12);
      if (crowd.number(16) < grows) {
        table.insert(at, owner);
        oracle.insert(at, owner);
      } else if (!oracle.rows.empty() && crowd.number(4) != 0) {
        const Oracle::Row row = oracle.rows[crowd.number(static_cast<std::uint32_t>(oracle.rows.size()))];
        const Owner from = crowd.number(4) == 0 ? owner : row.owner;
        wrong += table.remove(row.prefix, from) != oracle.remove(row.prefix, from);
      } else if (crowd.number(32) == 0) {
        table.remove_owner(owner);
        oracle.remove_owner(owner);
      } else {
        wrong += table.remove(at, owner) != oracle.remove(at, owner);
      }
      wrong += view.size() != oracle.rows.size();
      wrong += view.owner_of(at) != oracle.owner_of(at);
      wrong += view.of(owner) != oracle.of(owner);
      for (int n = 0; n < 4; ++n) {
        const IpAddress address = crowd.address();
        wrong += view.lookup(address) != oracle.lookup(address);
      }
      wrong += view.lookup(at.address) != oracle.lookup(at.address);
      if (wrong != 0) FAIL("table and list part at step " << step);
    }
    for (Owner owner = 0; owner < 12; ++owner) table.remove_owner(owner);
    CHECK(table.size() == 0);
    CHECK(table.memory() == 0);
  }
}

TEST_CASE("memory stays flat over a hundred thousand changes, and goes with the last prefix") {
  Crowd crowd(1);
  std::vector<Prefix> resident;
  std::vector<Prefix> passing;
  for (int i = 0; i < 300; ++i) resident.push_back(crowd.prefix());
  for (int i = 0; i < 100; ++i) passing.push_back(crowd.prefix());

  AllowedIps table;
  for (const Prefix& at : resident) table.insert(at, 1);
  std::size_t after_first = 0;
  for (int cycle = 0; cycle < 1000; ++cycle) {
    for (const Prefix& at : passing) table.insert(at, 2);
    table.remove_owner(2);
    if (cycle == 0) after_first = table.memory();
  }
  CHECK(table.memory() == after_first);
  table.remove_owner(1);
  CHECK(table.size() == 0);
  CHECK(table.memory() == 0);

  for (int cycle = 0; cycle < 100000; ++cycle) {
    table.insert(prefix("10.0.0.1/32"), 1);
    REQUIRE(table.remove(prefix("10.0.0.1/32"), 1));
  }
  CHECK(table.size() == 0);
  CHECK(table.memory() == 0);
}

TEST_CASE("memory does not grow when sets of different shape follow one another") {
  const auto dense = [](std::uint32_t i) {
    return IpAddress{.family = Family::v4,
                     .octets = {10, 0, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)}};
  };
  const auto sparse = [](std::uint32_t i) {
    const std::uint32_t n = i * 2654435761u;
    return IpAddress{.family = Family::v4,
                     .octets = {static_cast<std::uint8_t>(n >> 24), static_cast<std::uint8_t>(n >> 16),
                                static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)}};
  };
  AllowedIps table;
  table.insert(prefix("0.0.0.0/0"), 0);  // stays, so that the memory is never simply given back
  std::size_t early = 0;
  for (int round = 0; round < 40; ++round) {
    for (std::uint32_t i = 0; i < 4000; ++i)
      table.insert({.address = round % 2 == 0 ? dense(i) : sparse(i), .length = 32}, 1);
    table.remove_owner(1);
    if (round == 3) early = table.memory();
  }
  CHECK(table.memory() == early);
  CHECK(table.size() == 1);
}

TEST_CASE("ten thousand peers with two prefixes each take at most 64 octets of heap a prefix") {
  std::mt19937 random(1);
  AllowedIps table;
  for (Owner peer = 0; peer < 10000; ++peer) {
    IpAddress v4{.family = Family::v4, .octets = {10, 0, 0, 0}};
    IpAddress v6{.family = Family::v6, .octets = {0xfd, 0x12, 0x34, 0x56, 0x78, 0x9a}};
    for (std::size_t n = 1; n < 4; ++n) v4.octets[n] = static_cast<std::uint8_t>(random());
    for (std::size_t n = 6; n < 16; ++n) v6.octets[n] = static_cast<std::uint8_t>(random());
    table.insert({.address = v4, .length = 32}, peer);
    table.insert({.address = v6, .length = 128}, peer);
  }
  CHECK(table.size() > 19900);
  CHECK(table.memory() <= 64 * table.size());
}
