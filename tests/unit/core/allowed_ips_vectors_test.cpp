// SPDX-License-Identifier: MIT
// The routes and owners of WireGuard's own self-tests.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "allowed_ips.hpp"

using namespace culvert;

namespace {

constexpr AllowedIps::Owner kNobody = 0xffffffff;

nlohmann::json vectors() {
  const std::string path = std::string(CULVERT_VECTORS) + "/wireguard/allowedips.json";
  std::ifstream file(path);
  if (!file) {
    std::printf("skipped: there is no %s; name the folder with -Dvectors=\n", path.c_str());
    std::exit(77);
  }
  return nlohmann::json::parse(file);
}

AllowedIps::Owner owner(const nlohmann::json& letter) {
  return static_cast<AllowedIps::Owner>(letter.get<std::string>().at(0) - 'a');
}

Prefix prefix(const nlohmann::json& text) { return parse_prefix(text.get<std::string>()).value(); }
IpAddress address(const nlohmann::json& text) { return parse_address(text.get<std::string>()).value(); }

std::size_t insert_all(AllowedIps& table, const nlohmann::json& family) {
  for (const auto& row : family.at("insert")) table.insert(prefix(row.at(1)), owner(row.at(0)));
  return family.at("insert").size();
}

std::size_t check_all(const AllowedIps& table, const nlohmann::json& family) {
  for (const auto& row : family.at("lookup")) {
    CAPTURE(row.dump());
    CHECK(table.lookup(address(row.at(1))) == owner(row.at(0)));
  }
  return family.at("lookup").size();
}

}  // namespace

TEST_CASE("the routes of WireGuard's self-test lead to their owners") {
  const nlohmann::json all = vectors();
  AllowedIps table;
  CHECK(insert_all(table, all.at("ipv4")) + insert_all(table, all.at("ipv6")) == 23);
  CHECK(check_all(table, all.at("ipv4")) + check_all(table, all.at("ipv6")) == 28);
  CHECK(table.size() == 21);  // two of the 23 take over a prefix that is there
}

TEST_CASE("addresses of a removed peer are not that peer's any more") {
  const nlohmann::json all = vectors();
  AllowedIps table;
  insert_all(table, all.at("ipv4"));
  const AllowedIps::Owner a = owner("a");
  for (const auto& text : all.at("more").at("then_insert_a")) table.insert(prefix(text), a);
  for (const auto& text : all.at("more").at("after_remove_by_peer_a_not_a")) CHECK(table.lookup(address(text)) == a);
  table.remove_owner(a);
  for (const auto& text : all.at("more").at("after_remove_by_peer_a_not_a"))
    CHECK(table.lookup(address(text)) == owner("e"));  // who has the default route
  CHECK(table.of(a).empty());
}

TEST_CASE("the self-test's table is empty after its peers went, one by one or prefix by prefix") {
  const nlohmann::json all = vectors();
  AllowedIps table;
  insert_all(table, all.at("ipv4"));
  insert_all(table, all.at("ipv6"));
  for (AllowedIps::Owner peer = 0; peer < 8; ++peer) table.remove_owner(peer);
  CHECK(table.size() == 0);
  CHECK(table.memory() == 0);

  insert_all(table, all.at("ipv4"));
  insert_all(table, all.at("ipv6"));
  for (const char* family : {"ipv4", "ipv6"}) {
    for (const auto& row : all.at(family).at("insert")) {
      const AllowedIps::Owner now = table.owner_of(prefix(row.at(1)));
      // A prefix that was taken over is not removed for the first owner.
      if (now != kNobody && now != owner(row.at(0))) CHECK_FALSE(table.remove(prefix(row.at(1)), owner(row.at(0))));
      if (now == owner(row.at(0))) CHECK(table.remove(prefix(row.at(1)), now));
    }
  }
  CHECK(table.size() == 0);
  CHECK(table.memory() == 0);
}

TEST_CASE("the self-test's deepest tree is built, searched and taken down") {
  AllowedIps table;
  IpAddress ones{.family = Family::v6};
  ones.octets.fill(0xff);
  for (unsigned n = 0; n < 128; ++n) {
    IpAddress cleared = ones;
    cleared.octets[n / 8] ^= static_cast<std::uint8_t>(0x80u >> (n % 8));
    table.insert({.address = cleared, .length = 128}, n);
  }
  for (unsigned n = 0; n < 128; ++n) {
    IpAddress cleared = ones;
    cleared.octets[n / 8] ^= static_cast<std::uint8_t>(0x80u >> (n % 8));
    CHECK(table.lookup(cleared) == n);
  }
  CHECK(table.lookup(ones) == kNobody);
  for (unsigned n = 0; n < 128; ++n) table.remove_owner(n);
  CHECK(table.memory() == 0);
}
