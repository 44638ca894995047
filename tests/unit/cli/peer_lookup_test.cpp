// SPDX-License-Identifier: MIT
#include "peer_lookup.hpp"

#include <doctest/doctest.h>

#include "failure.hpp"
#include "load.hpp"
#include "temporary_folder.hpp"

using namespace culvert;
using namespace culvert::cli;

namespace {

constexpr const char* kInterface =
    "[interface]\nprivate_key = \"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\"\naddresses = [\"10.86.0.1/24\"]\n";
constexpr const char* kAliceKey = "ijRGmGQ3a5NxVgPPbuCuPbBfdIFXWJq6MCNVA9rAOFM=";
constexpr const char* kBobKey = "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=";

std::string table(const std::string& name, const std::string& key, const std::string& address) {
  return "[[peer]]\nname = \"" + name + "\"\npublic_key = \"" + key + "\"\nallowed_ips = [\"" + address + "\"]\n";
}

config::Config load(const TemporaryFolder& folder) {
  auto loaded = config::load(folder.at("wg0.toml"));
  REQUIRE(loaded);
  return std::move(loaded->config);
}

}  // namespace

TEST_CASE("a peer is found by name and by key, or the nearest name is told") {
  const TemporaryFolder folder;
  folder.write("wg0.toml", std::string(kInterface) + table("alice", kAliceKey, "10.86.0.2/32"));
  const config::Config config = load(folder);
  CHECK(find_peer(config, "alice").name == "alice");
  CHECK(find_peer(config, kAliceKey).name == "alice");
  CHECK_THROWS_WITH_AS(static_cast<void>(find_peer(config, "alise")),
                       "wg0 has no peer \"alise\"; did you mean \"alice\"?", Failure);
  CHECK_THROWS_WITH_AS(
      static_cast<void>(find_peer(config, kBobKey)),
      (std::string("wg0 has no peer \"") + kBobKey + "\"; culvert peer list wg0 shows those that it has").c_str(),
      Failure);
}
