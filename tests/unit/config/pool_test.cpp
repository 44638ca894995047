// SPDX-License-Identifier: MIT
#include "pool.hpp"

#include <algorithm>
#include <set>

#include "config_support.hpp"

using namespace culvert;
using namespace culvert::config;
using namespace culvert::config::test;

namespace {

Prefix prefix(std::string_view text) { return *parse_prefix(text); }

Config config_with(std::vector<std::string_view> pools, std::vector<std::string_view> own,
                   std::vector<std::string_view> peers) {
  Config config;
  for (const auto text : pools) config.pool.prefixes.push_back(prefix(text));
  for (const auto text : own) config.addresses.push_back(prefix(text));
  for (const auto text : peers) config.peers.emplace_back().allowed_ips.push_back(prefix(text));
  return config;
}

/// "10.0.0.2/32 fd00::2/128", or the sentence why not.
std::string next(const Config& config) {
  const auto free = next_free(config);
  if (!free) return free.error();
  std::string out;
  for (const Prefix& p : *free) out += (out.empty() ? "" : " ") + to_string(p);
  return out;
}

}  // namespace

TEST_CASE("the lowest address that nobody has, of each family") {
  CHECK(next(config_with({"10.0.0.0/24", "fd00::/64"}, {}, {})) == "10.0.0.1/32 fd00::1/128");
  CHECK(next(config_with({"10.0.0.0/24", "fd00::/64"}, {"10.0.0.1/24", "fd00::1/64"}, {})) ==
        "10.0.0.2/32 fd00::2/128");
  CHECK(next(config_with({"10.0.0.0/24"}, {"10.0.0.1/24"}, {"10.0.0.3/32", "10.0.0.2/32"})) == "10.0.0.4/32");
  CHECK(next(config_with({"10.0.0.0/24"}, {"10.0.0.9/24"}, {"10.0.0.1/32", "10.0.0.3/32"})) == "10.0.0.2/32");
  // A site takes all that is in it, and carries go over octets.
  CHECK(next(config_with({"10.0.0.0/16"}, {}, {"10.0.0.0/24", "10.0.1.0/32"})) == "10.0.1.1/32");
  CHECK(next(config_with({"fd00::/32"}, {}, {"fd00::/65"})) == "fd00::8000:0:0:0/128");
}

TEST_CASE("ways to everywhere, and to the pool itself, take no address") {
  CHECK(next(config_with({"10.0.0.0/24"}, {}, {"0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/24"})) == "10.0.0.1/32");
  CHECK(next(config_with({"10.0.0.0/24"}, {"192.168.0.1/24", "fd00::1/64"}, {"10.0.1.1/32"})) == "10.0.0.1/32");
}

TEST_CASE("neither a network's nor its broadcast address is given away, but the two of a pair are") {
  CHECK(next(config_with({"10.0.0.0/30"}, {}, {"10.0.0.1/32"})) == "10.0.0.2/32");
  CHECK(next(config_with({"10.0.0.0/30"}, {}, {"10.0.0.1/32", "10.0.0.2/32"})) ==
        "the pool 10.0.0.0/30 has no free address; remove a peer, or add a prefix to the pool");
  CHECK(next(config_with({"10.0.0.0/31"}, {}, {})) == "10.0.0.0/32");
  CHECK(next(config_with({"10.0.0.0/31"}, {}, {"10.0.0.0/32"})) == "10.0.0.1/32");
  CHECK(next(config_with({"10.0.0.7/32"}, {}, {})) == "10.0.0.7/32");
  CHECK(next(config_with({"10.0.0.7/32"}, {}, {"10.0.0.7/32"})) ==
        "the pool 10.0.0.7/32 has no free address; remove a peer, or add a prefix to the pool");
  CHECK(next(config_with({"fd00::/126"}, {}, {"fd00::1/128", "fd00::2/128"})) == "fd00::3/128");
  CHECK(next(config_with({"255.255.255.252/30"}, {}, {"255.255.255.253/32", "255.255.255.254/32"})).find("no free") !=
        std::string::npos);
}

TEST_CASE("without a pool there is advice") {
  CHECK(next(config_with({}, {}, {})) ==
        "there is no pool to take an address from; add [pool] with prefixes = [\"10.0.0.0/24\"], or give the address");
}

TEST_CASE("a pool that is filled one by one gives each address once") {
  Config config = config_with({"10.0.0.0/25"}, {"10.0.0.64/25"}, {});
  std::set<Prefix> given;
  for (auto free = next_free(config); free; free = next_free(config)) {
    REQUIRE(given.insert(free->front()).second);
    config.peers.emplace_back().allowed_ips.push_back(free->front());
  }
  CHECK(given.size() == 128 - 3);
}
