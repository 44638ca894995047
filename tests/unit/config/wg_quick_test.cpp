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
  CHECK(c.dns.search == std::vector<std::string>{"corp.example", "~."});  // all names are asked of the servers
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

namespace {

const std::string kHead = "[Interface]\nPrivateKey = %K\nListenPort = 51820\n";

Config conf(const std::string& text) { return loaded(read_conf(kHead + text)).config; }

std::string warned(const std::string& text) { return joined(messages(loaded(read_conf(kHead + text)).warnings)); }

}  // namespace

TEST_CASE("names come from comments above a peer or in it, and never make a file wrong") {
  const auto names = [](const std::string& text) {
    std::string out;
    const Config config = conf(text);
    for (const PeerConfig& peer : config.peers) out += '<' + peer.name + '>';
    return out;
  };
  const std::string a = "[Peer]\nPublicKey = %A\nAllowedIPs = 10.0.0.2\n";
  const std::string b = "[Peer]\nPublicKey = %B\nAllowedIPs = 10.0.0.3\n";
  CHECK(names(a + b) == "<CQkJCQkJ><CgoKCgoK>");
  CHECK(names("# Name = anna\n" + a + "#friendly_name=ben # the second\n" + b) == "<anna><ben # the second>");
  CHECK(names("# Name = my AQEBAQEBAQ/BAQEBAQEBAQEBAQ/BAQEBAQEBAQEBAQE=\n" + a) == names(a));  // a key is no name
  CHECK(names("[Peer] # Name = anna\nPublicKey = %A\nAllowedIPs = 10.0.0.2\n" + b) == "<anna><CgoKCgoK>");
  CHECK(names("[Peer]\n# NAME = anna\nPublicKey = %A\nAllowedIPs = 10.0.0.2\n\n# name = ben\n\n" + b) == "<anna><ben>");
  // A comment above other keys names nobody behind them.
  CHECK(names("# Name = nobody\nMTU = 1400\n" + a) == "<CQkJCQkJ>");
  CHECK(names("# Name = twin\n" + a + "# Name = twin\n" + b) == "<twin><twin-2>");
  CHECK(names("# Name = a/b\tc\n" + a + "# Name = .hidden\n" + b) == "<a-b-c><CgoKCgoK>");
  CHECK(names("# Name = \xff\n" + a + "# Name =\n" + b) == "<CQkJCQkJ><CgoKCgoK>");
  CHECK(names("# the name = of the rose\n" + a + b) == "<CQkJCQkJ><CgoKCgoK>");
}

TEST_CASE("allowed IPs add up, with signs, without masks, over several lines") {
  const auto allowed = [](const std::string& lines) {
    std::string out;
    const Config config = conf("[Peer]\nPublicKey = %A\n" + lines);
    for (const Prefix& prefix : config.peers.at(0).allowed_ips) out += to_string(prefix) + ' ';
    return out;
  };
  CHECK(allowed("AllowedIPs = 10.0.0.2,10.1.0.0/16 , fd00::/64\nAllowedIPs=10.0.0.3\n") ==
        "10.0.0.2/32 10.1.0.0/16 fd00::/64 10.0.0.3/32 ");
  CHECK(allowed("AllowedIPs = +10.0.0.2, +10.0.0.3, -10.0.0.2\n") == "10.0.0.3/32 ");
  CHECK(allowed("AllowedIPs = -10.0.0.2, 10.0.0.2\n") == "10.0.0.2/32 ");
  CHECK(allowed("AllowedIPs = \nAllowedIPs = ,,\n") == "");
  CHECK(warned("[Peer]\nPublicKey = %A\nAllowedIPs = 10.0.0.7/24\n") ==
        "wg0.conf:6:14: warning: Peer[1].AllowedIPs = 10.0.0.7/24: it has bits behind its length; taken as "
        "10.0.0.0/24\n");
}

TEST_CASE("keys that come twice warn, except where they are lists") {
  CHECK(conf("MTU = 1400\nMTU = 1300\n").mtu == 1300u);
  CHECK(warned("MTU = 1400\nMTU = 1300\n") ==
        "wg0.conf:5:7: warning: Interface.MTU = 1300: this key came before in the section; the last one counts\n");
  CHECK(warned("DNS = 10.0.0.53\nDNS = corp.example\nPostUp = a\nPostUp = b\nAddress = 10.0.0.1\nAddress = ::1\n") ==
        "");
}

TEST_CASE("line ends, blanks and case are free, and a comment may stand behind anything") {
  const Config config =
      conf("\t mTu\t=\t1400\t\r\nTABLE = AUTO # as ever\n[PEER]   # anna\r\npublickey=%A\nallowedips=10.0.0.2");
  CHECK(config.mtu == 1400u);
  CHECK(config.peers.size() == 1);
  CHECK(conf("PostUp = echo a # b\n").hooks.post_up == std::vector<std::string>{"echo a"});
  CHECK(conf("PostUp = a=b; echo $a\n").hooks.post_up == std::vector<std::string>{"a=b; echo $a"});
  CHECK(
      joined(errors(read_conf(kHead + "PostUp = a\rb\n"))) ==
      "wg0.conf:4:10: error: Interface.PostUp = a?b: a control character stands in the command; write the line anew\n");
  CHECK(conf("FwMark = off\n").fwmark == 0u);
  CHECK(conf("Table = 0x100\n").table.number == 256);
}

TEST_CASE("a file without a private key but with a command that sets it is usable") {
  const Loaded all = loaded(read_conf("[Interface]\nPostUp = wg set %i private-key /etc/wireguard/%i.key\n"));
  CHECK(joined(messages(all.warnings)) ==
        "wg0.conf: warning: interface.private_key: missing; unless a command sets it, no peer can be talked to\n");
  CHECK(errors(read_conf("[Interface]\n")).size() == 1);
}

TEST_CASE("a key in a file that others can read is told once, at the first key") {
  const auto result =
      read_conf("[Interface]\nPrivateKey = %K\n[Peer]\nPublicKey = %A\nPresharedKey = %S\n", Readers::others);
  CHECK(joined(errors(result)) ==
        "wg0.conf:2:14: error: this key can be read by others than the file's owner; run: chmod go-rwx wg0.conf\n");
  CHECK(read_conf("[Interface]\nPostUp = true\n[Peer]\nPublicKey = %A\n", Readers::others).has_value());
}
