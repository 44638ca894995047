// SPDX-License-Identifier: MIT
#include "load.hpp"

#include "config_support.hpp"
#include "values.hpp"

using namespace culvert;
using namespace culvert::config;
using namespace culvert::config::test;

namespace {

constexpr std::string_view kEverything = R"(# a comment
[interface]
private_key = "%K"
addresses = ["10.0.0.1/24", "fd00::1/64"]
listen_port = 51820
mtu = 1400
table = 1234
fwmark = 0xca6c
lanes = 4
aead = "libsodium"
public_endpoint = "gw.example.org:51820"
save_config = true

[dns]
servers = ["10.0.0.53", "fd00::53"]
search = ["corp.example", "~."]
backend = "resolvconf"

[firewall]
kill_switch = true
allow_lan = true

[gateway]
masquerade = true
outside_interface = "eth0"
allowed_subnets = ["192.168.7.0/24"]

[pool]
prefixes = "10.0.0.0/24"

[offloads]
vnet = false
gso = false
gro = false

[limits]
peers = 100
handshakes_per_second = 500
staged_packets = 32
socket_buffer = 1048576

[hooks]
pre_up = "a"
post_up = ["b %i", "c"]
pre_down = "d"
post_down = "e"

[observe]
metrics_listen = "[::1]:9586"
metrics_compatible_names = true
key_log = true
event_hooks = ["/bin/true"]

[[peer]]
name = "Anna's phone"
public_key = "%A"
preshared_key = "%S"
endpoint = ["a.example:1", "[2001:db8::1]:65535", "[fe80::1%eth0]:3", "192.0.2.1:4"]
allowed_ips = ["10.0.0.2/32", "0.0.0.0/0"]
persistent_keepalive = 25
expires = 2026-12-31T18:00:00+02:00
enabled = false

[[peer]]
public_key = "%B"
endpoint = "b.example:2"
allowed_ips = "10.0.0.3"
persistent_keepalive = "off"
expires = 2026-12-31
)";

}  // namespace

TEST_CASE("every key of the schema reaches its field") {
  const Loaded all = loaded(read(kEverything));
  const Config& c = all.config;
  CHECK(c.name == "wg0");
  CHECK(c.private_key.secret.bytes()[31] == 1);
  REQUIRE(c.addresses.size() == 2);
  CHECK(to_string(c.addresses[0]) == "10.0.0.1/24");
  CHECK(to_string(c.addresses[1]) == "fd00::1/64");
  CHECK(c.listen_port == 51820);
  CHECK(c.mtu == 1400u);
  CHECK(c.table == RoutingTable{RoutingTable::Kind::number, 1234});
  CHECK(c.fwmark == 0xca6cu);
  CHECK(c.lanes == 4u);
  CHECK(c.aead == "libsodium");
  CHECK(c.public_endpoint == HostPort{"gw.example.org", 51820});
  CHECK(c.save_config);
  CHECK(c.dns.servers.size() == 2);
  CHECK(c.dns.search == std::vector<std::string>{"corp.example", "~."});
  CHECK(c.dns.backend == DnsBackend::resolvconf);
  CHECK(c.firewall == FirewallConfig{true, true});
  CHECK(c.gateway.enabled);
  CHECK(c.gateway.masquerade);
  CHECK(c.gateway.outside_interface == "eth0");
  CHECK(c.gateway.allowed_subnets == std::vector<Prefix>{*parse_prefix("192.168.7.0/24")});
  CHECK(c.pool.prefixes == std::vector<Prefix>{*parse_prefix("10.0.0.0/24")});
  CHECK(c.offloads == OffloadConfig{false, false, false});
  CHECK(c.limits == LimitsConfig{100, 500, 32, 1048576});
  CHECK(c.hooks == HookConfig{{"a"}, {"b %i", "c"}, {"d"}, {"e"}});
  CHECK(c.observe == ObserveConfig{"[::1]:9586", true, true, {"/bin/true"}});
  CHECK(c.full_tunnel(Family::v4));
  CHECK(!c.full_tunnel(Family::v6));
}

TEST_CASE("peers keep their order, their names and all that is said of them") {
  const Loaded all = loaded(read(kEverything));
  REQUIRE(all.config.peers.size() == 2);
  const PeerConfig& a = all.config.peers[0];
  CHECK(a.name == "Anna's phone");
  CHECK(a.public_key.octets[0] == 9);
  CHECK(a.preshared_key.secret.bytes()[0] == 7);
  CHECK(a.endpoints ==
        std::vector<HostPort>{{"a.example", 1}, {"2001:db8::1", 65535}, {"fe80::1%eth0", 3}, {"192.0.2.1", 4}});
  CHECK(a.allowed_ips.size() == 2);
  CHECK(a.persistent_keepalive == std::chrono::seconds(25));
  CHECK(a.expires == UnixTime{1798732800, 0});  // date -ud 2026-12-31T16:00:00 +%s
  CHECK(!a.enabled);
  CHECK(a.place == Place{"wg0.toml", 54, 1});
  const PeerConfig& b = all.config.peers[1];
  CHECK(b.name == "CgoKCgoK");
  CHECK(b.persistent_keepalive == std::chrono::seconds(0));
  CHECK(b.expires == UnixTime{1798675200, 0});  // date -ud 2026-12-31 +%s
  CHECK(!b.expired_at({1798675199, 999999999}));
  CHECK(b.expired_at({1798675200, 0}));
  CHECK(b.enabled);
}
