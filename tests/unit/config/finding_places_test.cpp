// SPDX-License-Identifier: MIT
#include "finding_places.hpp"

#include "check.hpp"
#include "config_support.hpp"

using namespace culvert;
using namespace culvert::config;
using namespace culvert::config::test;

namespace {

/// "LINE:COLUMN KEY" of each finding.
std::string places(const LoadResult& result) {
  std::string out;
  for (const Finding& finding : result ? result->warnings : result.error())
    out += std::to_string(finding.place.line) + ':' + std::to_string(finding.place.column) + ' ' + finding.key + '\n';
  return out;
}

}  // namespace

TEST_CASE("what the checks find out is told with the line and the column of the value") {
  CHECK(places(read(R"([interface]
private_key = "%K"
addresses = ["10.0.0.1/24",
  "10.0.0.0/24"]
listen_port = 51820
[limits]
peers = 1
[firewall]
  allow_lan = true
[[peer]]
name = "anna"
public_key = "%A"
allowed_ips = ["10.0.0.1/32", "10.0.0.2/32"]
[[peer]]
name = "ben"
allowed_ips = [
  "10.0.0.9/32",
  "10.0.0.2",
]
public_key = "%B"
)")) == "4:3 interface.addresses\n"
        "7:9 limits.peers\n"
        "9:15 firewall.allow_lan\n"
        "13:16 peer anna: allowed_ips\n"
        "18:3 peer ben: allowed_ips\n");
}

TEST_CASE("what is missing is told with the place of its section, and without one with the file") {
  CHECK(places(read("# nothing\n[interface]\nlisten_port = 1\n")) == "2:2 interface.private_key\n");
  CHECK(places(read("[hooks]\npost_up = \"x\"\n")) == "0:0 interface.private_key\n");
  CHECK(places(read("[interface]\nprivate_key = \"%K\"\nlisten_port = 1\n\n[[peer]]\npublic_key = \"%A\"\n")) ==
        "5:1 peer CQkJCQkJ: allowed_ips\n");
}

TEST_CASE("a network that was taken without its last bits is found as it was written") {
  CHECK(places(read("[interface]\nprivate_key = \"%K\"\nlisten_port = 1\n[[peer]]\nname = \"x: y\"\n"
                    "public_key = \"%A\"\nallowed_ips = [\"10.1.0.0/16\", \"10.2.0.7/24\", \"10.2.0.0/24\"]\n")) ==
        "7:31 peer[1].allowed_ips\n"
        "7:46 peer x: y: allowed_ips\n");
}

TEST_CASE("each file of a folder has its own lines") {
  const std::string main = with_keys("[interface]\nprivate_key = \"%K\"\nlisten_port = 1\n");
  const std::string anna = with_keys("public_key = \"%A\"\nallowed_ips = \"10.0.0.2\"\n");
  const std::string ben = with_keys("# ben\npublic_key = \"%B\"\n\nallowed_ips = \"10.0.0.2\"\n");
  const std::vector<SourceText> peers = {{"anna.toml", anna, Readers::owner}, {"ben.toml", ben, Readers::owner}};
  const auto result = read_toml("wg0", {"wg0.toml", main, Readers::owner}, peers, KeySources::none());
  REQUIRE(!result.has_value());
  CHECK(
      joined(messages(result.error())) ==
      "ben.toml:4:15: error: peer ben: allowed_ips = 10.0.0.2/32: peer anna (anna.toml:1) has it already, and a packet "
      "can go to one of them only\n");
}

TEST_CASE("a wg-quick file's findings have its own words") {
  const auto result = read_conf(R"([Interface]
PrivateKey = %K
Address = 10.0.0.1/24, 10.0.0.0/24
MTU = 1000
[Peer]
PublicKey = %A
AllowedIPs = 10.0.0.2/32, fd00::2/128
[Peer]
PublicKey = %B
AllowedIPs = 10.0.0.3/32
AllowedIPs = 10.0.0.2/32
)");
  CHECK(places(result) ==
        "0:0 interface.listen_port\n"
        "3:24 Interface.Address\n"
        "4:7 Interface.MTU\n"
        "11:14 Peer[2].AllowedIPs\n");
}

TEST_CASE("what is found out later is told with its line as well") {
  const auto result =
      loaded(read("[interface]\nprivate_key = \"%K\"\nlisten_port = 1\n[[peer]]\nname = \"anna\"\n"
                  "public_key = \"%A\"\nallowed_ips = \"192.168.1.0/24\"\n"));
  auto found = check_host(result.config, {{{"eth0", *parse_prefix("192.168.1.9/24")}}, {}});
  REQUIRE(found.size() == 1);
  result.locate(found[0]);
  CHECK(found[0].message().starts_with("wg0.toml:7:15: warning: peer anna: allowed_ips = 192.168.1.0/24: it overlaps"));
}
