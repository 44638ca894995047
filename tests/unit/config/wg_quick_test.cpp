// SPDX-License-Identifier: MIT
#include "wg_quick.hpp"

#include "config_support.hpp"

using namespace culvert;
using namespace culvert::config;
using namespace culvert::config::test;

TEST_CASE("every key of wg(8) and wg-quick(8) is honoured, in any case and spacing") {
  const Loaded all = loaded(read_conf(R"([interface]
privatekey=%K
 LISTENPORT = 51820 # trailing
FwMark = 0xca6c
Address = 10.0.0.2/24, fd00::2
Address = 10.1.0.2/32
DNS = 10.0.0.53,corp.example , fd00::53
MTU = 1400
Table = off
PreUp = echo 1
PostUp = iptables -A FORWARD -i %i -j ACCEPT; echo 2
PostUp = echo 3
PreDown = echo 4
PostDown = echo 5
SaveConfig = true

# friendly_name = gateway
[Peer]
PublicKey = %A
PresharedKey = %S
AllowedIPs = 0.0.0.0/0, +::/0
AllowedIPs = -0.0.0.0/0, 10.9.0.0/16
Endpoint = [2001:db8::1]:51820
PersistentKeepalive = 25

[Peer]
# Name = phone
PublicKey = %B
AllowedIPs = 10.0.0.3
Endpoint = gw.example.org:1
PersistentKeepalive = off
)"));
  const Config& c = all.config;
  CHECK(c.private_key.secret.bytes()[0] == 1);
  CHECK(c.listen_port == 51820);
  CHECK(c.fwmark == 0xca6cu);
  REQUIRE(c.addresses.size() == 3);
  CHECK(to_string(c.addresses[1]) == "fd00::2/128");
  CHECK(c.dns.servers.size() == 2);
  CHECK(c.dns.search == std::vector<std::string>{"corp.example"});
  CHECK(c.mtu == 1400u);
  CHECK(c.table.kind == RoutingTable::Kind::off);
  CHECK(c.hooks ==
        HookConfig{{"echo 1"}, {"iptables -A FORWARD -i %i -j ACCEPT; echo 2", "echo 3"}, {"echo 4"}, {"echo 5"}});
  CHECK(c.save_config);
  REQUIRE(c.peers.size() == 2);
  CHECK(c.peers[0].name == "gateway");
  CHECK(c.peers[0].preshared_key.secret.bytes()[0] == 7);
  CHECK(c.peers[0].allowed_ips == std::vector<Prefix>{*parse_prefix("::/0"), *parse_prefix("10.9.0.0/16")});
  CHECK(c.peers[0].endpoints == std::vector<HostPort>{{"2001:db8::1", 51820}});
  CHECK(c.peers[0].persistent_keepalive == std::chrono::seconds(25));
  CHECK(c.peers[1].name == "phone");
  CHECK(c.peers[1].allowed_ips == std::vector<Prefix>{*parse_prefix("10.0.0.3/32")});
  CHECK(c.peers[1].persistent_keepalive == std::chrono::seconds(0));
}

TEST_CASE("a secret that stands where no secret belongs is not told") {
  const auto told =
      errors(read_conf("[Interface] PrivateKey = %K\n[Interface]\nPrivateKey =\n%K\n[%K]\n"
                       "[Interface]\npRiVateKey = %K=\n"));
  CHECK(told.size() == 5);
  for (const std::string& message : told) CHECK(message.find(kPrivate.substr(0, 20)) == std::string::npos);
  CHECK(told[0] == "wg0.conf:1:1: error: [Interface]: the header of a section stands alone on its line");
}
