// SPDX-License-Identifier: MIT
// Files that people get wrong, with what they are told, word by word.
#include "config_support.hpp"

using namespace culvert;
using namespace culvert::config;
using namespace culvert::config::test;

namespace {

using Messages = std::vector<std::string>;

struct Bad {
  std::string_view text;
  Messages messages;
};

/// What stands before and after each case, so that it has one thing wrong.
const std::string kHead = "[interface]\nprivate_key = \"%K\"\n";      // lines 1 and 2
const std::string kPeer = kHead + "[[peer]]\npublic_key = \"%A\"\n";  // lines 1 to 4

void check_interface(std::string_view lines, const Messages& expected) {
  CAPTURE(lines);
  const auto result = read(kHead + std::string(lines));
  REQUIRE(!result.has_value());
  CHECK(joined(messages(result.error())) == joined(expected));
}

void check_peer(std::string_view lines, const Messages& expected) {
  CAPTURE(lines);
  const auto result = read(kPeer + std::string(lines));
  REQUIRE(!result.has_value());
  CHECK(joined(messages(result.error())) == joined(expected));
}

}  // namespace

TEST_CASE("grammar: the place, and what newcomers fall over") {
  const Bad table[] = {
      {"mtu = 1400 # fine\nlisten_port 3\n", {"wg0.toml:4:13: error: a key without '='; write KEY = VALUE"}},
      {"addresses = 10.0.0.1/24\n",
       {"wg0.toml:3:17: error: not a number; texts, addresses and keys stand in \"quotes\""}},
      {"save_config = yes\n",
       {"wg0.toml:3:15: error: not a value; texts, addresses and keys stand in \"quotes\", switches are true or "
        "false"}},
      {"aead = \"libsodium\nmtu = 3\n",
       {"wg0.toml:3:18: error: a text without its closing quote, or with a control character"}},
      {"mtu = 1400\nmtu = 1420\n", {"wg0.toml:4:7: error: the key mtu came before in this section; keep one of them"}},
      {"[dns\nservers = []\n", {"wg0.toml:3:5: error: the header's bracket is not closed; write [SECTION]"}},
      {"[peer]\npublic_key = \"%A\"\n[[peer]]\npublic_key = \"%B\"\n",
       {"wg0.toml:5:1: error: [peer] came before; write [[peer]] in double brackets for each peer"}},
      {"aead = \"\xff\"\n",
       {"wg0.toml:3:8: error: not UTF-8; save the file as UTF-8, without letters of another encoding"}},
      {"mtu =\nlanes = 1\n", {"wg0.toml:3:6: error: the value is missing; write KEY = VALUE"}},
      {"mtu =", {"wg0.toml:3:6: error: the value is missing; write KEY = VALUE"}},
      {"addresses = [\"10.0.0.1/24\"\nmtu = 3\n", {"wg0.toml:4:1: error: a list goes on with ',' or ends with ']'"}},
      {"[[peer]]\nexpires = 2026-02-30\n",
       {"wg0.toml:4:21: error: not a date that exists; write 2026-12-31 or 2026-12-31T18:00:00Z"}},
      {"[[peer]]\nexpires = 2026-12-31T25:00:00Z\n",
       {"wg0.toml:4:24: error: not a time that exists; write 2026-12-31 or 2026-12-31T18:00:00Z"}},
      {"[dns]\n[pool]\n[dns]\n", {"wg0.toml:5:1: error: the section dns came before; put all its keys into one"}},
      {"a.b.c.d.e.f.g.h.i = 1\n", {"wg0.toml:3:16: error: a key of more than 8 parts; no key here has more than 2"}},
  };
  for (const Bad& bad : table) check_interface(bad.text, bad.messages);
}

TEST_CASE("sections and keys: the nearest known one") {
  const Bad table[] = {
      {"listen_prot = 51820\n", {"wg0.toml:3:1: error: interface.listen_prot: unknown key; did you mean listen_port?"}},
      {"ListenPort = 51820\n", {"wg0.toml:3:1: error: interface.ListenPort: unknown key; did you mean listen_port?"}},
      {"address = \"10.0.0.1/24\"\n", {"wg0.toml:3:1: error: interface.address: unknown key; did you mean addresses?"}},
      {"port = 1\n", {"wg0.toml:3:1: error: interface.port: unknown key; did you mean listen_port?"}},
      {"DNS = \"10.0.0.1\"\n", {"wg0.toml:3:1: error: interface.DNS: unknown key here; write servers in [dns]"}},
      {"kill_switch = true\n",
       {"wg0.toml:3:1: error: interface.kill_switch: this key belongs in [firewall]; move it there"}},
      {"allowed_ips = []\n",
       {"wg0.toml:3:1: error: interface.allowed_ips: this key belongs in [[peer]]; move it there"}},
      {"[pool]\nfrobnicate = 1\n", {"wg0.toml:4:1: error: pool.frobnicate: unknown key; [pool] knows prefixes"}},
      {"[Interface]\nmtu = 1400\n", {"wg0.toml:3:2: error: Interface: unknown section; did you mean [interface]?"}},
      {"[[peers]]\npublic_key = \"%A\"\n", {"wg0.toml:3:3: error: peers: unknown section; did you mean [[peer]]?"}},
      {"[frobnicate]\n",
       {"wg0.toml:3:2: error: frobnicate: unknown section; there are [interface], [dns], [firewall], [gateway], "
        "[pool], "
        "[offloads], [limits], [hooks], [observe], [[peer]]"}},
      {"[[dns]]\nservers = []\n",
       {"wg0.toml:3:3: error: dns: this is a section; write [dns] in single brackets, once"}},
      {"[peer]\npublic_key = \"%A\"\n", {"wg0.toml:3:2: error: peer: write [[peer]] in double brackets for each peer"}},
  };
  for (const Bad& bad : table) check_interface(bad.text, bad.messages);

  const auto outside = read("mtu = 1400\n" + kHead);
  CHECK(joined(errors(outside)) ==
        joined(Messages{"wg0.toml:1:1: error: mtu: this key belongs in [interface]; move it there"}));
}

TEST_CASE("values of the interface: what would be right") {
  const Bad table[] = {
      {"listen_port = 70000\n", {"wg0.toml:3:15: error: interface.listen_port = 70000: not a number from 0 to 65535"}},
      {"listen_port = -1\n", {"wg0.toml:3:15: error: interface.listen_port = -1: not a number from 0 to 65535"}},
      {"listen_port = \"51820\"\n",
       {"wg0.toml:3:15: error: interface.listen_port = \"51820\": a number stands without quotes, from 0 to 65535"}},
      {"mtu = 100\n", {"wg0.toml:3:7: error: interface.mtu = 100: not a number from 576 to 65535"}},
      {"mtu = 1420.5\n", {"wg0.toml:3:7: error: interface.mtu = 1420.5: not a number from 576 to 65535"}},
      {"lanes = 65\n", {"wg0.toml:3:9: error: interface.lanes = 65: not a number from 1 to 64"}},
      {"addresses = [\"10.0.0.1/33\", \"fe80\", 3]\n",
       {"wg0.toml:3:14: error: interface.addresses = \"10.0.0.1/33\": the prefix length is not a number from 0 to 32",
        "wg0.toml:3:29: error: interface.addresses = \"fe80\": not an address; write one such as 10.0.0.0/24 or "
        "fd00::/64",
        "wg0.toml:3:37: error: interface.addresses = 3: not an address; write one such as 10.0.0.0/24 or fd00::/64"}},
      {"table = \"none\"\n",
       {"wg0.toml:3:9: error: interface.table = \"none\": not a routing table; write \"auto\", \"off\", or a number "
        "from "
        "1 on"}},
      {"fwmark = \"0xzz\"\n",
       {"wg0.toml:3:10: error: interface.fwmark = \"0xzz\": not a mark; write a number up to 4294967295, also as "
        "0x1234, or \"off\""}},
      {"fwmark = -5\n",
       {"wg0.toml:3:10: error: interface.fwmark = -5: not a mark; write a number up to 4294967295, also as 0x1234, or "
        "\"off\""}},
      {"save_config = \"true\"\n",
       {"wg0.toml:3:15: error: interface.save_config = \"true\": a switch is true or false, without quotes"}},
      {"aead = true\n", {"wg0.toml:3:8: error: interface.aead = true: a switch where a text in quotes is wanted"}},
      {"public_endpoint = \"gw.example.org\"\n",
       {"wg0.toml:3:19: error: interface.public_endpoint = \"gw.example.org\": the port is missing; add one, such as "
        ":51820"}},
      {"[dns]\nservers = \"dns.example\"\nsearch = \"-bad domain-\"\nbackend = \"magic\"\n",
       {"wg0.toml:4:11: error: dns.servers = \"dns.example\": not an IP address; a resolver is named by number, such "
        "as "
        "10.0.0.53",
        "wg0.toml:5:10: error: dns.search = \"-bad domain-\": not a domain; write one such as corp.example",
        "wg0.toml:6:11: error: dns.backend = \"magic\": not a way to tell the system; write \"auto\", \"resolved\", "
        "\"resolvconf\" or \"file\""}},
      {"[gateway]\noutside_interface = \"no such/interface\"\n",
       {"wg0.toml:4:21: error: gateway.outside_interface = \"no such/interface\": not the name of an interface; "
        "those are 1 to 15 of a-z A-Z 0-9 _ = + . -, but not \"all\" or \"default\""}},
      {"[observe]\nmetrics_listen = \"9586\"\n",
       {"wg0.toml:4:18: error: observe.metrics_listen = \"9586\": not an address to listen on; write 127.0.0.1:9586, "
        "[::1]:9586 or unix:/path"}},
      {"[hooks]\npost_up = [\"\", \"a\\nb\"]\n",
       {"wg0.toml:4:12: error: hooks.post_up = \"\": an empty command; remove it",
        "wg0.toml:4:16: error: hooks.post_up = \"a?b\": a command is one line"}},
      {"[limits]\npeers = 0\nhandshakes_per_second = 10001\nstaged_packets = \"many\"\nsocket_buffer = 65535\nlog = "
       "1\n",
       {"wg0.toml:4:9: error: limits.peers = 0: not a number from 1 to 1048576",
        "wg0.toml:5:25: error: limits.handshakes_per_second = 10001: not a number from 1 to 10000",
        "wg0.toml:6:18: error: limits.staged_packets = \"many\": a number stands without quotes, from 1 to 4096",
        "wg0.toml:7:17: error: limits.socket_buffer = 65535: not a number from 65536 to 67108864",
        "wg0.toml:8:1: error: limits.log: unknown key; [limits] knows peers, handshakes_per_second, staged_packets, "
        "socket_buffer"}},
      {"[pool]\nprefixes = [[\"10.0.0.0/24\"]]\n", {"wg0.toml:4:13: error: pool.prefixes: a list can not stand here"}},
  };
  for (const Bad& bad : table) check_interface(bad.text, bad.messages);
}

TEST_CASE("values of a peer: what would be right") {
  const Bad table[] = {
      {"endpoint = \"gw.example.org\"\n",
       {"wg0.toml:5:12: error: peer[1].endpoint = \"gw.example.org\": the port is missing; add one, such as :51820"}},
      {"endpoint = [\"2001:db8::1:51820\", \"[2001:db8::1\", \"[2001:db8::1]\", \"[192.0.2.1]:1\"]\n",
       {"wg0.toml:5:13: error: peer[1].endpoint = \"2001:db8::1:51820\": an IPv6 address needs brackets: write "
        "[IPV6]:PORT",
        "wg0.toml:5:34: error: peer[1].endpoint = \"[2001:db8::1\": the bracket is not closed; write [IPV6]:PORT",
        "wg0.toml:5:50: error: peer[1].endpoint = \"[2001:db8::1]\": the port is missing; add one, such as :51820",
        "wg0.toml:5:67: error: peer[1].endpoint = \"[192.0.2.1]:1\": what stands in the brackets is not an IPv6 "
        "address"}},
      {"endpoint = [\"a.example:0\", \"a b:1\", \"1.2.3:1\", \"[::1]x:1\", \"[fe80::1%]:1\"]\n",
       {"wg0.toml:5:13: error: peer[1].endpoint = \"a.example:0\": what follows the last colon is not a port from 1 to "
        "65535",
        "wg0.toml:5:28: error: peer[1].endpoint = \"a b:1\": the name before the port is not a host name",
        "wg0.toml:5:37: error: peer[1].endpoint = \"1.2.3:1\": neither an IPv4 address nor a name stands before the "
        "port",
        "wg0.toml:5:48: error: peer[1].endpoint = \"[::1]x:1\": only :PORT may follow the bracket",
        "wg0.toml:5:60: error: peer[1].endpoint = \"[fe80::1%]:1\": what follows '%' is not an interface"}},
      {"allowed_ips = [\"10.0.0.256\"]\n",
       {"wg0.toml:5:16: error: peer[1].allowed_ips = \"10.0.0.256\": not an address; write one such as 10.0.0.0/24 or "
        "fd00::/64"}},
      {"persistent_keepalive = 65536\n",
       {"wg0.toml:5:24: error: peer[1].persistent_keepalive = 65536: not an interval; write seconds from 1 to 65535 "
        "(25 "
        "suits most NATs), or \"off\""}},
      {"persistent_keepalive = \"often\"\n",
       {"wg0.toml:5:24: error: peer[1].persistent_keepalive = \"often\": not an interval; write seconds from 1 to "
        "65535 "
        "(25 suits most NATs), or \"off\""}},
      {"expires = \"tomorrow\"\n",
       {"wg0.toml:5:11: error: peer[1].expires = \"tomorrow\": not a date; write 2026-12-31 or 2026-12-31T18:00:00Z"}},
      {"expires = 12:30:00\n",
       {"wg0.toml:5:11: error: peer[1].expires = 12:30:00: not a date; write 2026-12-31 or 2026-12-31T18:00:00Z"}},
      {"name = \"../../etc\"\n",
       {"wg0.toml:5:8: error: peer[1].name = \"../../etc\": not a name; write 1 to 64 characters without '/', not "
        "starting with a dot, and no key"}},
      {"enabled = 1\n", {"wg0.toml:5:11: error: peer[1].enabled = 1: a switch is true or false, without quotes"}},
      {"[[peer]]\nname = \"second\"\n",
       {"wg0.toml:5:1: error: peer[2].public_key: missing; every peer has one, which its owner shows with: culvert "
        "pubkey"}},
  };
  for (const Bad& bad : table) check_peer(bad.text, bad.messages);
}

TEST_CASE("keys: never shown, whatever is wrong with them") {
  const Bad table[] = {
      {"[interface]\nprivate_key = \"topsecret\"\n",
       {"wg0.toml:2:15: error: interface.private_key: not a key: it has 9 characters instead of 44; copy all of it"}},
      {"[interface]\nprivate_key = \"topsecrettopsecrettopsecrettopsecrettopsecre\"\n",
       {"wg0.toml:2:15: error: interface.private_key: not a key: its 44 characters are not the base64 of 32 octets; "
        "copy "
        "it again"}},
      {"[interface]\nprivate_key = topsecret\n",
       {"wg0.toml:2:15: error: private_key: a key stands in quotes: private_key = \"...\""}},
      {"[interface]\nprivate_key = +topsecret/\nlisten_prot = 1\n",
       {"wg0.toml:2:15: error: private_key: a key stands in quotes: private_key = \"...\""}},
      {"[interface]\nprivate_key = [\"topsecret\"]\n",
       {"wg0.toml:2:15: error: interface.private_key: a list where a text in quotes is wanted"}},
      {"[interface]\nPrivateKey = \"topsecret\"\n",
       {"wg0.toml:2:1: error: interface.PrivateKey: unknown key; did you mean private_key?"}},
      {"[interface]\nprivate_key = \"topsecret\n",
       {"wg0.toml:2:25: error: a text without its closing quote, or with a control character"}},
      {"[interface]\nprivate_key = \"\"\"\ntopsecret\"\"\"\n",
       {"wg0.toml:2:15: error: interface.private_key: not a key: it has 10 characters instead of 44; copy all of it"}},
      {"interface = {private_key = 'topsecret'}\n",
       {"wg0.toml:1:28: error: interface.private_key: not a key: it has 9 characters instead of 44; copy all of it"}},
      {"interface.\"private_key\" = 'topsecret'\n",
       {"wg0.toml:1:27: error: interface.private_key: not a key: it has 9 characters instead of 44; copy all of it"}},
      {"[interface]\nprivate_key = \"%K\"\nprivate_key_file = \"wg0.key\"\n",
       {"wg0.toml:3:20: error: interface.private_key_file = \"wg0.key\": the key is given by private_key already; keep "
        "one of them"}},
      {"[interface]\nprivate_key_file = 3\n",
       {"wg0.toml:2:20: error: interface.private_key_file = 3: a number where a text in quotes is wanted"}},
      {"[interface]\nprivate_key_credential = \"wg0\"\n",
       {"wg0.toml:2:26: error: interface.private_key_credential = \"wg0\": keys cannot be read from elsewhere here; "
        "write "
        "the key itself"}},
      {"[interface]\nprivate_key = \"%K\"\n[[peer]]\npublic_key = \"%A\"\npreshared_key = \"topsecret\"\n",
       {"wg0.toml:5:17: error: peer[1].preshared_key: not a key: it has 9 characters instead of 44; copy all of it"}},
      {"", {"wg0.toml: error: interface.private_key: missing; make one with: culvert genkey"}},
  };
  for (const Bad& bad : table) {
    CAPTURE(bad.text);
    const auto told = errors(read(bad.text));
    CHECK(joined(told) == joined(bad.messages));
    for (const std::string& message : told) CHECK(message.find("topsecret") == std::string::npos);
  }
}

TEST_CASE("all errors come at once, in the order of the lines") {
  const auto result = read(R"([interface]
private_key = "short"
listen_port = 70000
mut = 3
[[peer]]
public_key = "%A"
allowed_ips = ["10.0.0.2/32"]
[[peer]]
public_key = "%B"
allowed_ips = ["10.0.0.2/32"]
keepalive = 25
)");
  CHECK(joined(errors(result)) ==
        joined(Messages{
            "wg0.toml:2:15: error: interface.private_key: not a key: it has 5 characters instead of 44; copy all of it",
            "wg0.toml:3:15: error: interface.listen_port = 70000: not a number from 0 to 65535",
            "wg0.toml:4:1: error: interface.mut: unknown key; did you mean mtu?",
            "wg0.toml:10:16: error: peer CgoKCgoK: allowed_ips = 10.0.0.2/32: peer CQkJCQkJ (wg0.toml:5) has it "
            "already, and a packet can go to one of them only",
            "wg0.toml:11:1: error: peer[2].keepalive: unknown key; did you mean persistent_keepalive?",
        }));
}

TEST_CASE("columns count characters, and a text with other line ends or a mark at its start is the same") {
  const Messages expected = {
      "wg0.toml:3:39: error: peer[1].preshared_key: not a key: it has 3 characters instead of 44; "
      "copy all of it"};
  const std::string text =
      "interface.private_key = \"%K\"\n\npeer = [{name = \"\xc3\xa4\xe2\x82\xac\", preshared_key = \"abc\", public_key "
      "= \"%A\"}]\n";
  CHECK(joined(errors(read(text))) == joined(expected));
  CHECK(joined(errors(read("\xef\xbb\xbf" + text))) == joined(expected));
  std::string carriage;
  for (const char c : text) carriage += c == '\n' ? std::string("\r\n") : std::string(1, c);
  CHECK(joined(errors(read(carriage))) == joined(expected));
}

TEST_CASE("a text of another encoding is told as such, once") {
  const std::string words = "[\0I\0n\0t\0";
  CHECK(errors(read("\xff\xfe" + words)) == Messages{"wg0.toml:1:1: error: this is UTF-16; save the file as UTF-8"});
  CHECK(errors(read_conf("\xff\xfe" + words)) ==
        Messages{"wg0.conf:1:1: error: this is UTF-16; save the file as UTF-8"});
  const std::string conf = "[Interface]\r\nPrivateKey = %K\r\nListenPort = 1\r\nMTU = x\r\n";
  CHECK(errors(read_conf("\xef\xbb\xbf" + conf)) ==
        Messages{"wg0.conf:4:7: error: Interface.MTU = x: not a number from 576 to 65535"});
}

TEST_CASE("bits behind a network's length are a warning, and taken away") {
  const Loaded all = loaded(read(kPeer + "allowed_ips = [\"10.0.0.7/24\"]\n"));
  CHECK(to_string(all.config.peers[0].allowed_ips[0]) == "10.0.0.0/24");
  REQUIRE(!all.warnings.empty());
  CHECK(all.warnings.back().message() ==
        "wg0.toml:5:16: warning: peer[1].allowed_ips = \"10.0.0.7/24\": it has bits behind its length; taken as "
        "10.0.0.0/24");
}

TEST_CASE("a wg-quick file's errors have the same quality") {
  const auto result = read_conf(R"(Address = 10.0.0.1
[Interface]
PrivateKey = topsecret
ListenPort = 70000
Adress = 10.0.0.1
MTU = big
Table = x
FwMark = 0xg
DNS = 10.0.0.1, not a domain
SaveConfig = maybe
Frobnicate = 1
Address = 10.0.0.1/40, ::1/x
just text
[Pear]
Ignored = 1
[Peer]
AllowedIPs = 10.0.0.2/32, x
[Peer]
PublicKey = short
Endpoint = gw.example.org
PersistentKeepalive = 70000
PresharedKey = topsecret
AllowedIp = 10.0.0.3
)");
  CHECK(
      errors(result) ==
      Messages{
          "wg0.conf:1:1: error: this stands before the first section; begin with [Interface]",
          "wg0.conf:3:14: error: Interface.PrivateKey: not a key: it has 9 characters instead of 44; copy all of it",
          "wg0.conf:4:14: error: Interface.ListenPort = 70000: not a number from 0 to 65535",
          "wg0.conf:5:10: error: Interface.Adress: unknown key; did you mean Address?",
          "wg0.conf:6:7: error: Interface.MTU = big: not a number from 576 to 65535",
          "wg0.conf:7:9: error: Interface.Table = x: not a routing table; write \"auto\", \"off\", or a number from 1 "
          "on",
          "wg0.conf:8:10: error: Interface.FwMark = 0xg: not a mark; write a number up to 4294967295, also as 0x1234, "
          "or \"off\"",
          "wg0.conf:9:17: error: Interface.DNS = not a domain: neither the address of a resolver nor a search domain",
          "wg0.conf:10:14: error: Interface.SaveConfig = maybe: neither true nor false",
          "wg0.conf:11:14: error: Interface.Frobnicate: unknown key in [Interface]; remove the line, or start it with "
          "#",
          "wg0.conf:12:11: error: Interface.Address = 10.0.0.1/40: the prefix length is not a number from 0 to 32",
          "wg0.conf:12:24: error: Interface.Address = ::1/x: the prefix length is not a number from 0 to 128",
          "wg0.conf:13:1: error: neither [Section] nor Key = Value; remove the line, or start it with #",
          "wg0.conf:14:1: error: [Pear]: unknown section; there are [Interface] and [Peer]",
          "wg0.conf:16:1: error: Peer[1].PublicKey: missing; every peer has one",
          "wg0.conf:17:27: error: Peer[1].AllowedIPs = x: not an address; write one such as 10.0.0.0/24 or fd00::/64",
          "wg0.conf:19:13: error: Peer[2].PublicKey = short: not a key: it has 5 characters instead of 44; copy all of "
          "it",
          "wg0.conf:20:12: error: Peer[2].Endpoint = gw.example.org: the port is missing; add one, such as :51820",
          "wg0.conf:21:23: error: Peer[2].PersistentKeepalive = 70000: not an interval; write seconds from 1 to 65535 "
          "(25 suits most NATs), or \"off\"",
          "wg0.conf:22:16: error: Peer[2].PresharedKey: not a key: it has 9 characters instead of 44; copy all of it",
          "wg0.conf:23:13: error: Peer[2].AllowedIp: unknown key; did you mean AllowedIPs?",
      });
}
