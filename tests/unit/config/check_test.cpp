// SPDX-License-Identifier: MIT
#include "check.hpp"

#include "config_support.hpp"

using namespace culvert;
using namespace culvert::config;
using namespace culvert::config::test;

namespace {

using Messages = std::vector<std::string>;

const std::string kHead = "[interface]\nprivate_key = \"%K\"\naddresses = \"10.0.0.1/24\"\nlisten_port = 51820\n";
const std::string kPeer = kHead + "[[peer]]\npublic_key = \"%A\"\nname = \"anna\"\n";  // peer in line 5

/// A line each. Where they stand is told by finding_places_test.cpp.
std::string without_places(std::vector<Finding> findings) {
  for (Finding& finding : findings) finding.place.line = 0;
  return joined(messages(findings));
}

/// All findings of a text, warnings or errors.
std::string told(std::string_view text) {
  auto result = read(text);
  return without_places(result ? result->warnings : result.error());
}

std::string told_on(const std::string& text, std::vector<HostAddress> addresses, UnixTime now = {}) {
  const auto result = loaded(read(text));
  return without_places(check_host(result.config, {std::move(addresses), now}));
}

HostAddress on(std::string interface, std::string_view prefix) { return {std::move(interface), *parse_prefix(prefix)}; }

const std::string kAllowed = "allowed_ips = \"10.0.0.2/32\"\n";

}  // namespace

TEST_CASE("a sound configuration has no findings") { CHECK(told(kPeer + kAllowed) == ""); }

TEST_CASE("an interface without a key is refused, unless a command may set it") {
  CHECK(told("[interface]\n") == "wg0.toml: error: interface.private_key: missing; make one with: culvert genkey\n");
  CHECK(told("[hooks]\npost_up = \"wg set %i private-key /k\"\n") ==
        "wg0.toml: warning: interface.private_key: missing; unless a command sets it, no peer can be talked to\n");
}

TEST_CASE("addresses that cannot be a host's") {
  const std::string key = "[interface]\nprivate_key = \"%K\"\n";
  CHECK(told(key + "addresses = [\"10.0.0.1/24\", \"10.0.0.1/32\"]\n") ==
        "wg0.toml: error: interface.addresses = 10.0.0.1/32: this address is there twice; remove one\n");
  CHECK(told(key + "addresses = [\"224.0.0.1/24\", \"ff02::1/64\", \"0.0.0.0/0\"]\n") ==
        "wg0.toml: warning: interface.addresses = 224.0.0.1/24: not an address that a host can have\n"
        "wg0.toml: warning: interface.addresses = ff02::1/64: not an address that a host can have\n"
        "wg0.toml: warning: interface.addresses = 0.0.0.0/0: not an address that a host can have\n");
  CHECK(
      told(key + "addresses = [\"10.0.0.0/24\", \"fd00::/64\"]\n") ==
      "wg0.toml: warning: interface.addresses = 10.0.0.0/24: this is the network's address, not a host's in it; add "
      "the host's part\n"
      "wg0.toml: warning: interface.addresses = fd00::/64: this is the network's address, not a host's in it; add the "
      "host's part\n");
  CHECK(told(key + "addresses = [\"10.0.0.0/31\", \"10.0.0.2/32\", \"fd00::/127\"]\n") == "");
}

TEST_CASE("IPv6 needs 1280 octets") {
  const std::string error =
      "wg0.toml: error: interface.mtu = 1279: IPv6 needs 1280 octets at least; raise it, or "
      "remove the IPv6 addresses\n";
  const std::string key = "[interface]\nprivate_key = \"%K\"\n";
  CHECK(told(key + "mtu = 1279\naddresses = \"fd00::1/64\"\n") == error);
  CHECK(told(key + "mtu = 1279\nlisten_port = 1\n[[peer]]\npublic_key = \"%A\"\nallowed_ips = \"fd00::/64\"\n") ==
        error);
  CHECK(told(key + "mtu = 1280\naddresses = \"fd00::1/64\"\n") == "");
  CHECK(told(key + "mtu = 1279\naddresses = \"10.0.0.1/24\"\n") == "");
}

TEST_CASE("routes of everything, and what they need") {
  const std::string peer =
      "[dns]\nservers = \"10.0.0.53\"\n[[peer]]\npublic_key = \"%A\"\nallowed_ips = \"0.0.0.0/0\"\n";
  CHECK(told(kHead + peer) == "");
  CHECK(told(kHead + "fwmark = 0\n" + peer) ==
        "wg0.toml: error: interface.fwmark = 0: a peer takes all traffic, and without a mark the tunnel's own would go "
        "in "
        "circles; remove this line\n");
  const std::string by_rules =
      "wg0.toml: warning: interface.table = 7: a peer takes all traffic, but routing by rules is "
      "yours with a table of your own; set fwmark for them\n";
  CHECK(told(kHead + "table = 7\n" + peer) == by_rules);
  CHECK(told(kHead + "table = 7\nfwmark = \"off\"\n" + peer) == by_rules);
  CHECK(told(kHead + "table = 7\nfwmark = 7\n" + peer) == "");
  CHECK(told(kHead + "table = \"off\"\nfwmark = 0\n" + peer) == "");
  CHECK(told(kHead + "[[peer]]\npublic_key = \"%A\"\nallowed_ips = \"::/0\"\n") ==
        "wg0.toml: warning: dns.servers: all traffic goes through the tunnel, but names are still asked of the local "
        "network's resolver; add one\n");
}

TEST_CASE("switches without what they act on") {
  CHECK(
      told(kPeer + kAllowed + "[firewall]\nkill_switch = true\n") ==
      "wg0.toml: warning: firewall.kill_switch = true: no peer takes all traffic (0.0.0.0/0, ::/0): what is not for a "
      "peer goes nowhere\n");
  CHECK(told(kPeer + kAllowed + "[firewall]\nallow_lan = true\n") ==
        "wg0.toml: warning: firewall.allow_lan = true: it has no effect without kill_switch\n");
  CHECK(told(kPeer + kAllowed + "[gateway]\noutside_interface = \"wg0\"\nmasquerade = true\n") ==
        "wg0.toml: error: gateway.outside_interface = wg0: this is the tunnel itself; name the other side\n");
  CHECK(told(kPeer + kAllowed + "[gateway]\noutside_interface = \"eth0\"\n") ==
        "wg0.toml: warning: gateway.outside_interface = eth0: it has no effect without masquerade\n");
  CHECK(told("[interface]\nprivate_key = \"%K\"\n[gateway]\nmasquerade = true\n") ==
        "wg0.toml: warning: gateway.masquerade = true: the interface has no address; set interface.addresses\n");
  CHECK(told(kPeer + kAllowed + "[gateway]\nenabled = false\nmasquerade = true\n") ==
        "wg0.toml: warning: gateway.enabled = false: the rest of the section has no effect\n");
  CHECK(told("[interface]\nsave_config = true\nprivate_key = \"%K\"\n") ==
        "wg0.toml: warning: interface.save_config = true: only a file of wg-quick is written back at down; what wg "
        "changes in this tunnel is lost then\n");
}

TEST_CASE("a gateway that nobody can find, and metrics that everybody can") {
  const std::string key = "[interface]\nprivate_key = \"%K\"\n";
  const std::string peer = "[[peer]]\npublic_key = \"%A\"\nallowed_ips = \"10.0.0.2\"\n";
  CHECK(told(key + peer) ==
        "wg0.toml: warning: interface.listen_port = 0: no peer has an endpoint, and none can know a "
        "port that changes at each start; set one, such as 51820\n");
  CHECK(told(key + peer + "endpoint = \"a.example:1\"\n") == "");
  CHECK(
      told(key + "[observe]\nmetrics_listen = \"0.0.0.0:9586\"\n") ==
      "wg0.toml: warning: observe.metrics_listen = 0.0.0.0:9586: others on the network can read the metrics; 127.0.0.1 "
      "is safer\n");
  CHECK(told(key + "[observe]\nmetrics_listen = \"[2001:db8::1]:9586\"\n") != "");
  for (const std::string listen : {"127.0.0.1:9586", "[::1]:9586", "unix:/run/metrics"})
    CHECK(told(key + "[observe]\nmetrics_listen = \"" + listen + "\"\n") == "");
}

TEST_CASE("a peer that is another peer, or ourselves, or nobody") {
  CHECK(told(kPeer + kAllowed + "[[peer]]\npublic_key = \"%A\"\nname = \"ben\"\nallowed_ips = \"10.0.0.3\"\n") ==
        "wg0.toml: error: peer ben: public_key = CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=: the same peer is "
        "there "
        "already as anna (wg0.toml:5); remove one\n");
  CHECK(told(kPeer + kAllowed + "[[peer]]\npublic_key = \"%B\"\nname = \"anna\"\nallowed_ips = \"10.0.0.3\"\n") ==
        "wg0.toml: error: peer anna: name = anna: this name has anna (wg0.toml:5) already; give one of them "
        "another\n");
  // wg pubkey of 32 octets 0x01, from wireguard-tools.
  CHECK(told(kHead + "[[peer]]\nname = \"me\"\npublic_key = \"pOCSkrZRwni5dyxWn1+puxPZBrRqtoyd+dwrRAn4ogk=\"\n" +
             kAllowed) ==
        "wg0.toml: error: peer me: public_key = pOCSkrZRwni5dyxWn1+puxPZBrRqtoyd+dwrRAn4ogk=: this is the "
        "interface's own key; ask the peer for its public key\n");
  // 0, 1 and p - 1, p [RFC 7748 6.1], and a point of order 8.
  for (const std::string key :
       {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "7P///////////////////////////////////////38=", "7f///////////////////////////////////////38=",
        "4Ot6fDtBuK4WVuP68Z/EatoJjeucMrH9hmIFFl9JuAA="})
    CHECK(told(kHead + "[[peer]]\nname = \"x\"\npublic_key = \"" + key + "\"\n" + kAllowed) ==
          "wg0.toml: error: peer x: public_key = " + key +
              ": no handshake can succeed with this key; ask the peer for its public key\n");
}

TEST_CASE("allowed IPs that two peers want") {
  const std::string ben = "[[peer]]\npublic_key = \"%B\"\nname = \"ben\"\nallowed_ips = ";  // in line 9
  CHECK(told(kPeer + kAllowed + ben + "\"10.0.0.2/32\"\n") ==
        "wg0.toml: error: peer ben: allowed_ips = 10.0.0.2/32: peer anna (wg0.toml:5) has it already, and a packet "
        "can "
        "go to one of them only\n");
  CHECK(told(kPeer + "allowed_ips = \"10.1.0.0/16\"\n" + ben + "\"10.1.7.0/24\"\n") ==
        "wg0.toml: warning: peer ben: allowed_ips = 10.1.7.0/24: it lies in 10.1.0.0/16 of peer anna (wg0.toml:5), "
        "which loses it; two sites with the same network cannot be told apart\n");
  // The order in the file is free.
  CHECK(told(kPeer + "allowed_ips = \"fd00:0:0:7::/64\"\n" + ben + "\"fd00::/48\"\n") ==
        "wg0.toml: warning: peer anna: allowed_ips = fd00:0:0:7::/64: it lies in fd00::/48 of peer ben (wg0.toml:9), "
        "which loses it; two sites with the same network cannot be told apart\n");
  // A host out of a site, a site beside the way to everywhere, neighbours, and the same numbers in the other family.
  CHECK(told(kPeer + "allowed_ips = \"10.1.0.0/16\"\n" + ben + "\"10.1.7.1\"\n") == "");
  CHECK(told(kPeer + "allowed_ips = [\"0.0.0.0/1\", \"128.0.0.0/1\"]\n" + ben + "\"10.1.0.0/16\"\n") == "");
  CHECK(told(kPeer + "allowed_ips = \"10.0.0.0/25\"\n" + ben + "[\"10.0.0.128/25\", \"a00::/16\"]\n") == "");
  CHECK(told(kPeer + "allowed_ips = [\"10.0.0.2\", \"10.0.0.2/32\"]\n") ==
        "wg0.toml: warning: peer anna: allowed_ips = 10.0.0.2/32: it is there twice\n");
}

TEST_CASE("allowed IPs that cannot be meant") {
  CHECK(told(kPeer) ==
        "wg0.toml: warning: peer anna: allowed_ips: empty: nothing is sent to this peer, and nothing is "
        "taken from it\n");
  CHECK(told(kPeer + "allowed_ips = [\"10.0.0.1/32\"]\n") ==
        "wg0.toml: error: peer anna: allowed_ips = 10.0.0.1/32: this is the interface's own address; write the "
        "peer's\n");
  CHECK(told(kPeer + "allowed_ips = \"10.0.0.0/24\"\n") == "");
  CHECK(told(kPeer + "endpoint = \"192.0.2.7:1\"\nallowed_ips = \"192.0.2.0/24\"\n") ==
        "wg0.toml: warning: peer anna: allowed_ips = 192.0.2.0/24: the peer's own endpoint 192.0.2.7:1 lies in it, "
        "so "
        "the tunnel would lead into itself\n");
}

TEST_CASE("networks that are both here and there") {
  CHECK(told_on(kPeer + kAllowed, {on("eth0", "192.168.1.7/24"), on("eth0", "fe80::1/64")}) == "");
  CHECK(told_on(kPeer + kAllowed, {on("eth0", "10.0.0.1/8")}) ==
        "wg0.toml: warning: interface.addresses = 10.0.0.1/24: interface eth0 of this host has this address already; "
        "choose another\n"
        "wg0.toml: warning: peer anna: allowed_ips = 10.0.0.2/32: it overlaps with the local network 10.0.0.0/8 of "
        "eth0: the same addresses are here and there, and those there win\n");
  CHECK(told_on(kPeer + "allowed_ips = \"10.0.0.0/8\"\n", {on("wlan0", "10.0.0.9/16")}) ==
        "wg0.toml: warning: interface.addresses = 10.0.0.1/24: its network overlaps with the local network 10.0.0.0/16 "
        "of "
        "wlan0, so that one of them cannot be reached; choose another\n"
        "wg0.toml: warning: peer anna: allowed_ips = 10.0.0.0/8: it overlaps with the local network 10.0.0.0/16 of "
        "wlan0: the same addresses are here and there, and those here win\n");
  const std::string everything = kPeer + "allowed_ips = [\"0.0.0.0/0\", \"::/0\"]\n";
  CHECK(told_on(everything, {on("eth0", "192.168.1.7/24"), on("eth0", "2001:db8::7/64")}) == "");
}

TEST_CASE("what only the moment and the place tell") {
  const UnixTime end_of_year{1798675200, 0};  // 2026-12-31
  CHECK(told_on(kPeer + kAllowed + "expires = 2026-12-31\n", {}, {end_of_year.seconds - 1, 0}) == "");
  CHECK(told_on(kPeer + kAllowed + "expires = 2026-12-31\n", {}, end_of_year) ==
        "wg0.toml: warning: peer anna: expires = 2026-12-31T00:00:00Z: it has expired, and is refused\n");
  CHECK(told_on(kPeer + "allowed_ips = \"0.0.0.0/0\"\n", {on("eth0", "2001:db8::7/64")}) ==
        "wg0.toml: warning: firewall.kill_switch = false: IPv4 goes through the tunnel, but this host's IPv6 goes "
        "outside "
        "of it; add ::/0 to the peer, or the kill switch\n");
}

TEST_CASE("a keepalive is missed behind a NAT only") {
  const std::string client =
      "[interface]\nprivate_key = \"%K\"\n[[peer]]\nname = \"gw\"\npublic_key = \"%A\"\n"
      "allowed_ips = \"10.0.0.2/32\"\n";
  const std::string endpoint = "endpoint = \"gw.example:51820\"\n";
  const std::vector<HostAddress> nat = {on("eth0", "192.168.1.7/24")};
  CHECK(told_on(client + endpoint, nat) ==
        "wg0.toml: warning: peer gw: persistent_keepalive = off: this host seems to be behind a NAT, which forgets "
        "the "
        "tunnel when it is silent; set 25 if the peer is to reach this host\n");
  CHECK(told_on(client + endpoint + "persistent_keepalive = 25\n", nat) == "");
  CHECK(told_on(client + "endpoint = \"192.168.1.1:51820\"\n", nat) == "");
  CHECK(told_on(client + endpoint, {on("eth0", "198.51.100.7/24")}) == "");
  CHECK(told_on(client + endpoint, {}) == "");
  for (const char* carrier : {"10.1.2.3/8", "172.31.0.1/16", "100.64.0.1/10", "169.254.1.1/16"})
    CHECK(told_on(client + endpoint, {on("eth0", carrier)}) != "");
}
