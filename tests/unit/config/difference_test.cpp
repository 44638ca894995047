// SPDX-License-Identifier: MIT
#include "difference.hpp"

#include "config_support.hpp"
#include "random_config.hpp"

using namespace culvert;
using namespace culvert::config;
using namespace culvert::config::test;

namespace {

std::string lines(const Config& before, const Config& after) {
  std::string out;
  for (const Difference& difference : differences(before, after)) out += difference.line() + '\n';
  return out;
}

}  // namespace

TEST_CASE("every difference has a line, and secrets do not show in it") {
  const Loaded before = loaded(read(R"([interface]
private_key = "%K"
[[peer]]
name = "anna"
public_key = "%A"
endpoint = "a.example:1"
allowed_ips = ["10.0.0.2", "10.0.1.0/24"]
)"));
  const Loaded after = loaded(read(R"([interface]
private_key = "%S"
addresses = ["10.0.0.1/24"]
listen_port = 7
mtu = 1400
table = "off"
fwmark = 5
lanes = 2
aead = "x"
public_endpoint = "g.example:1"
save_config = true
[dns]
servers = ["10.0.0.53", "10.0.0.54"]
search = "a.example"
backend = "file"
[firewall]
kill_switch = true
allow_lan = true
[gateway]
masquerade = true
outside_interface = "eth0"
allowed_subnets = "10.9.0.0/16"
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
pre_up = "1"
post_up = "2"
pre_down = "3"
post_down = "4"
[observe]
metrics_listen = "127.0.0.1:1"
metrics_compatible_names = true
key_log = true
event_hooks = "5"
[[peer]]
name = "ann"
public_key = "%A"
preshared_key = "%S"
endpoint = "b.example:1"
allowed_ips = "10.0.0.2"
persistent_keepalive = 25
expires = 2026-12-31
enabled = false
[[peer]]
name = "ben"
public_key = "%B"
)"));
  CHECK(lines(before.config, after.config) == R"(~ interface.private_key: changed
~ interface.addresses: (none) -> 10.0.0.1/24
~ interface.listen_port: 0 -> 7
~ interface.mtu: (none) -> 1400
~ interface.table: auto -> off
~ interface.fwmark: (none) -> 5
~ interface.lanes: (none) -> 2
~ interface.aead: (none) -> x
~ interface.public_endpoint: (none) -> g.example:1
~ interface.save_config: false -> true
~ dns.servers: (none) -> 10.0.0.53, 10.0.0.54
~ dns.search: (none) -> a.example
~ dns.backend: auto -> file
~ firewall.kill_switch: false -> true
~ firewall.allow_lan: false -> true
~ gateway.enabled: false -> true
~ gateway.masquerade: false -> true
~ gateway.outside_interface: (none) -> eth0
~ gateway.allowed_subnets: (none) -> 10.9.0.0/16
~ pool.prefixes: (none) -> 10.0.0.0/24
~ offloads.vnet: true -> false
~ offloads.gso: true -> false
~ offloads.gro: true -> false
~ limits.peers: (none) -> 100
~ limits.handshakes_per_second: (none) -> 500
~ limits.staged_packets: (none) -> 32
~ limits.socket_buffer: (none) -> 1048576
~ hooks.pre_up: (none) -> 1
~ hooks.post_up: (none) -> 2
~ hooks.pre_down: (none) -> 3
~ hooks.post_down: (none) -> 4
~ observe.metrics_listen: (none) -> 127.0.0.1:1
~ observe.metrics_compatible_names: false -> true
~ observe.key_log: false -> true
~ observe.event_hooks: (none) -> 5
~ peer ann: name: anna -> ann
~ peer ann: preshared_key: changed
~ peer ann: endpoint: a.example:1 -> b.example:1
~ peer ann: allowed_ips: 10.0.0.2/32, 10.0.1.0/24 -> 10.0.0.2/32
~ peer ann: persistent_keepalive: off -> 25
~ peer ann: expires: (none) -> 2026-12-31T00:00:00Z
~ peer ann: enabled: true -> false
+ peer ben
)");
  CHECK(lines(after.config, before.config).find("- peer ben\n") != std::string::npos);
}

TEST_CASE("a configuration does not differ from itself") {
  const std::uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  for (std::uint64_t i = 0; i < 50; ++i) {
    Config config = RandomConfig(seed + i).config();
    CHECK(lines(config, config) == "");
    CHECK(lines(config, RandomConfig(seed + i).config()) == "");
  }
}
