// SPDX-License-Identifier: MIT
#include "write.hpp"

#include "config_support.hpp"
#include "difference.hpp"
#include "random_config.hpp"
#include "wg_quick_write.hpp"

using namespace culvert;
using namespace culvert::config;
using namespace culvert::config::test;

namespace {

std::string text_of(const SecretText& text) { return {text.begin(), text.end()}; }

/// Equal in everything, the order of peers too.
void check_same(const Config& a, const Config& b) {
  for (const Difference& difference : differences(a, b)) FAIL_CHECK(difference.line());
  REQUIRE(a.peers.size() == b.peers.size());
  for (std::size_t i = 0; i < a.peers.size(); ++i) CHECK(a.peers[i].public_key == b.peers[i].public_key);
}

}  // namespace

TEST_CASE("a written configuration reads as people would write it") {
  const Loaded in = loaded(read(R"(
[[peer]]
expires = 2026-12-31
allowed_ips = "10.0.0.2"
endpoint = ["a.example:1"]
public_key = "%A"
name = "alice"
[gateway]
[interface]
listen_port = 51820
table = "off"
private_key = "%K"
addresses = "10.0.0.1/24"
)"));
  CHECK(text_of(to_toml(in.config)) == with_keys(R"([interface]
private_key = "%K"
addresses = ["10.0.0.1/24"]
listen_port = 51820
table = "off"

[gateway]
enabled = true

[[peer]]
name = "alice"
public_key = "%A"
endpoint = "a.example:1"
allowed_ips = ["10.0.0.2/32"]
expires = 2026-12-31T00:00:00Z
)"));
  CHECK(text_of(to_toml(in.config.peers[0])) == with_keys(R"(name = "alice"
public_key = "%A"
endpoint = "a.example:1"
allowed_ips = ["10.0.0.2/32"]
expires = 2026-12-31T00:00:00Z
)"));
}

TEST_CASE("long lists get a line for each item") {
  Config config = loaded(read("[interface]\nprivate_key = \"%K\"\n[[peer]]\npublic_key = \"%A\"\n")).config;
  for (std::uint8_t i = 0; i < 9; ++i)
    config.peers[0].allowed_ips.push_back({IpAddress{Family::v4, {10, 0, i, 0}}, 24});
  const std::string text = text_of(to_toml(config.peers[0]));
  CHECK(text.find("allowed_ips = [\n  \"10.0.0.0/24\",\n  \"10.0.1.0/24\",\n") != std::string::npos);
}

TEST_CASE("what is written in TOML is read as the same configuration") {
  const std::uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  for (std::uint64_t i = 0; i < 500; ++i) {
    RandomConfig random(seed + i);
    Config config = random.config();
    random.add_own(config);
    const SecretText text = to_toml(config);
    INFO("configuration " << i);
    const Loaded back = loaded(read_toml("wg0", {"wg0.toml", {text.data(), text.size()}}, {}, KeySources::none()));
    check_same(config, back.config);
  }
}

TEST_CASE("peers written to files of their own are read as the same peers") {
  const std::uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  for (std::uint64_t i = 0; i < 100; ++i) {
    RandomConfig random(seed + i);
    Config config = random.config();
    random.add_own(config);
    std::vector<SecretText> texts;
    for (const PeerConfig& peer : config.peers) texts.push_back(to_toml(peer));
    std::vector<SourceText> files;
    for (const SecretText& text : texts) files.push_back({"wg0.d/x.toml", {text.data(), text.size()}});
    std::vector<PeerConfig> peers;
    std::swap(peers, config.peers);
    const SecretText main = to_toml(config);
    std::swap(peers, config.peers);
    const Loaded back = loaded(read_toml("wg0", {"wg0.toml", {main.data(), main.size()}}, files, KeySources::none()));
    check_same(config, back.config);
  }
}

TEST_CASE("what wg-quick can say is read from its form as the same configuration") {
  const std::uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  for (std::uint64_t i = 0; i < 500; ++i) {
    const Config config = RandomConfig(seed + i).config();
    const WgQuickText written = to_wg_quick(config);
    CHECK(written.left_out.empty());
    const Loaded back = loaded(read_wg_quick("wg0", {"wg0.conf", {written.text.data(), written.text.size()}}));
    check_same(config, back.config);
  }
}

TEST_CASE("what wg-quick has no word for is told") {
  const Loaded in = loaded(read(R"([interface]
private_key = "%K"
lanes = 2
public_endpoint = "gw.example:1"
[dns]
servers = "10.0.0.53"
search = ["corp.example", "~lab.example"]
backend = "file"
[firewall]
kill_switch = true
[gateway]
[pool]
prefixes = "10.0.0.0/24"
[limits]
peers = 9
[hooks]
post_up = "echo '#'"
[observe]
key_log = true
[[peer]]
name = "alice"
public_key = "%A"
endpoint = ["a.example:1", "b.example:2"]
expires = 2026-12-31
[[peer]]
name = "bob"
public_key = "%B"
enabled = false
)"));
  const WgQuickText out = to_wg_quick(in.config);
  CHECK(text_of(out.text) == with_keys(R"([Interface]
PrivateKey = %K
DNS = 10.0.0.53, corp.example, ~lab.example

[Peer]
# friendly_name = alice
PublicKey = %A
Endpoint = a.example:1
)"));
  CHECK(out.left_out == std::vector<std::string>{
                            "PostUp with a '#' in it, at which wg-quick cuts: echo '#'",
                            "the kill switch: this file does not protect against leaks",
                            "the gateway's forwarding and masquerading",
                            "the address pool",
                            "that only names in the search domains are asked of the servers: wg-quick has all of them "
                            "asked there",
                            "how the system is told about DNS",
                            "lanes, AEAD and offloads",
                            "limits",
                            "metrics and diagnosis",
                            "the public endpoint",
                            "peer alice: all but the first of its endpoints",
                            "peer alice: it expires at 2026-12-31T00:00:00Z",
                            "peer bob: it is disabled",
                        });
}

TEST_CASE("texts are quoted so that nothing in them ends them") {
  CHECK(quoted("plain") == "\"plain\"");
  CHECK(quoted("a\"b\\c\td\x7f") == "\"a\\\"b\\\\c\\u0009d\\u007F\"");
  CHECK(quoted("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80") == "\"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\"");
  // A lone continuation, an overlong slash, a surrogate, an end in the middle.
  CHECK(quoted("\u009b\u202e") == "\"\\u009B\\u202E\"");  // a terminal may obey these
  CHECK(quoted("\x80") == "\"\xef\xbf\xbd\"");
  CHECK(quoted("\xc0\xaf") == "\"\xef\xbf\xbd\xef\xbf\xbd\"");
  CHECK(quoted("\xed\xa0\x80") == "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
  CHECK(quoted("\xe2\x82") == "\"\xef\xbf\xbd\xef\xbf\xbd\"");
}
