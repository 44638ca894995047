// SPDX-License-Identifier: MIT
#include "plan.hpp"

#include <doctest/doctest.h>

#include "host_support.hpp"
#include "private_ranges.hpp"

using namespace culvert;
using namespace culvert::host;

namespace {

using Words = std::vector<std::string>;

Plan plan_of(const config::Config& config, const Facts& facts) {
  return make_plan(config, "wg0", choose(config, facts), facts);
}

template <class Kind>
std::vector<Kind> steps_of(const Plan& plan) {
  std::vector<Kind> found;
  for (const Step& step : plan.steps)
    if (const auto* const each = std::get_if<Kind>(&step)) found.push_back(*each);
  return found;
}

}  // namespace

TEST_CASE("a full tunnel: firewall, sysctl, addresses, MTU, up, rules, routes with /0 last, DNS") {
  config::Config config = laptop();
  config.peers[0].allowed_ips.push_back(prefix("10.5.0.0/16"));
  config.dns.servers = {*parse_address("10.99.0.1")};
  const Words wanted = {"firewall table culvert-wg0",
                        "sysctl net.ipv4.conf.all.src_valid_mark = 1",
                        "address 10.99.0.2/24",
                        "address fd99::2/64",
                        "MTU 1420",
                        "interface up",
                        "IPv4 rule 32500: unless marked 51820 look in table 51820 for more than /7",
                        "IPv4 rule 32501: to 192.168.7.0/24 look in table main for more than /23",
                        "IPv4 rule 32502: unless marked 51820 look in table 51820",
                        "IPv6 rule 32500: unless marked 51820 look in table 51820 for more than /7",
                        "IPv6 rule 32501: to fd00:7::/64 look in table main for more than /63",
                        "IPv6 rule 32502: unless marked 51820 look in table 51820",
                        "route fd99::/64 in table 51820",
                        "route 10.99.0.1/32 in table 51820",
                        "route 10.99.0.0/24 in table 51820",
                        "route 10.5.0.0/16 in table 51820",
                        "route 0.0.0.0/0 in table 51820",
                        "route ::/0 in table 51820",
                        "DNS 10.99.0.1"};
  CHECK(in_words(plan_of(config, at_home()).steps) == wanted);
}

TEST_CASE("with the kill switch the LAN is reached only where it is allowed, and a public network never") {
  config::Config config = laptop();
  const auto lan_rules = [&] {
    Words found;
    for (const step::Rule& rule : steps_of<step::Rule>(plan_of(config, at_home())))
      if (rule.to) found.push_back(to_string(*rule.to));
    return found;
  };
  const Words lan = {"192.168.7.0/24", "fd00:7::/64"};
  CHECK(lan_rules() == lan);
  config.firewall.kill_switch = true;
  CHECK(lan_rules().empty());
  config.firewall.allow_lan = true;
  CHECK(lan_rules() == lan);
  config.firewall.allow_lan = false;
  config.gateway.enabled = true;
  CHECK(lan_rules() == lan);
}

TEST_CASE("the networks of the tunnel itself are no LAN, once it is up") {
  Facts facts = at_home();
  facts.links.push_back({4, "wg0", 1420});
  facts.addresses.push_back({4, prefix("10.99.0.2/24")});
  CHECK(plan_of(laptop(), facts).steps == plan_of(laptop(), at_home()).steps);
}

TEST_CASE("some networks only: routes in main, no rules, no mark; the network of an address has its route already") {
  config::Config config = laptop();
  config.peers[0].allowed_ips = {prefix("10.99.0.0/24"), prefix("10.5.0.0/16"), prefix("fd99::1/128")};
  const Plan plan = plan_of(config, at_home());
  CHECK(plan.choice == Choice{});
  CHECK(steps_of<step::Rule>(plan).empty());
  CHECK(steps_of<step::Sysctl>(plan).empty());
  CHECK(steps_of<step::Route>(plan) == std::vector<step::Route>{{prefix("10.5.0.0/16"), 254}});
}

TEST_CASE("a network that holds the endpoint needs the mark, and so does the kill switch") {
  config::Config config = laptop();
  config.peers[0].allowed_ips = {prefix("198.51.100.0/24")};
  CHECK(needs_policy_routing(config));
  config.peers[0].allowed_ips = {prefix("10.5.0.0/16")};
  CHECK_FALSE(needs_policy_routing(config));
  config.firewall.kill_switch = true;
  CHECK(needs_policy_routing(config));
  config.table.kind = config::RoutingTable::Kind::off;
  CHECK_FALSE(needs_policy_routing(config));
}

TEST_CASE("two halves of everything are a full tunnel, and do not hide the LAN") {
  config::Config config = laptop();
  config.peers[0].allowed_ips = {prefix("0.0.0.0/1"), prefix("128.0.0.0/1")};
  const Plan plan = plan_of(config, at_home());
  CHECK(plan.choice == Choice{51820, 51820});
  CHECK(steps_of<step::Rule>(plan).at(0).suppress_prefix_length == 7U);
  CHECK(steps_of<step::Sysctl>(plan).size() == 1);
}

TEST_CASE("mark and table are the first that nobody uses; a mark of the configuration stands") {
  Facts facts = at_home();
  config::Config config = laptop();
  facts.tables.insert(51820);
  facts.marks.insert(51821);
  CHECK(choose(config, facts) == Choice{51822, 51822});
  config.fwmark = 77;
  CHECK(choose(config, facts) == Choice{77, 51822});  // small numbers are the kernel's own tables
  config.fwmark = 1000;
  CHECK(choose(config, facts) == Choice{1000, 1000});
  config.fwmark.reset();
  CHECK(choose(config, facts, Choice{51820, 51820}) == Choice{51820, 51820});
  const std::vector<Choice> others = {{51822, 0}, {1000, 1000}, {77, 51823}};
  CHECK(choose(config, facts, {}, others) == Choice{51824, 51824});
  config.fwmark = 1000;
  CHECK(choose(config, facts, {}, others) == Choice{1000, 51824});
}

TEST_CASE("a family that no peer takes keeps its ways, whatever addresses the tunnel has") {
  config::Config config = laptop();
  config.peers[0].allowed_ips = {prefix("0.0.0.0/0")};
  config.dns.servers = {*parse_address("fd99::1")};
  for (const step::Route& route : steps_of<step::Route>(plan_of(config, at_home())))
    CHECK(route.to.address.family == Family::v4);
  for (const step::Rule& rule : steps_of<step::Rule>(plan_of(config, at_home()))) CHECK(rule.family == Family::v4);
}

TEST_CASE("a table by number has the routes and nothing else; off has none") {
  config::Config config = laptop();
  config.table = {config::RoutingTable::Kind::number, 77};
  const Plan numbered = plan_of(config, at_home());
  CHECK(numbered.choice == Choice{0, 77});
  CHECK(steps_of<step::Route>(numbered) == std::vector<step::Route>{{prefix("0.0.0.0/0"), 77}, {prefix("::/0"), 77}});
  CHECK(steps_of<step::Rule>(numbered).empty());
  config.table = {config::RoutingTable::Kind::off, 0};
  CHECK(steps_of<step::Route>(plan_of(config, at_home())).empty());
}

TEST_CASE("the MTU is that of the narrowest path less 80") {
  config::Config config = laptop();
  Facts facts = at_home();
  CHECK(tunnel_mtu(config, facts) == 1420);
  facts.paths = {{*parse_address("198.51.100.1"), 2, 1500, {}, {}}, {*parse_address("198.51.100.2"), 3, 1400, {}, {}}};
  CHECK(tunnel_mtu(config, facts) == 1320);
  facts.paths[1].mtu = 1300;
  CHECK(tunnel_mtu(config, facts) == 1280);  // IPv6 needs as much
  config.addresses = {prefix("10.99.0.2/24")};
  config.peers[0].allowed_ips = {prefix("0.0.0.0/0")};
  CHECK(tunnel_mtu(config, facts) == 1220);
  facts.paths[1].mtu = 65536;
  facts.paths[0].mtu = 65536;
  CHECK(tunnel_mtu(config, facts) == 65455);
  facts.paths.clear();
  facts.default_routes[0].mtu = 1480;
  CHECK(tunnel_mtu(config, facts) == 1400);
  facts.default_routes.clear();
  CHECK(tunnel_mtu(config, facts) == 1420);
  config.mtu = 1333;
  CHECK(tunnel_mtu(config, facts) == 1333);
}

TEST_CASE("a path that leads into the tunnel itself has no say in the MTU") {
  config::Config config = laptop();
  Facts facts = at_home();
  facts.links.push_back({.index = 9, .name = "wg1", .mtu = 1420});
  facts.paths = {{*parse_address("198.51.100.1"), 9, 1420, {}, {}}};
  CHECK(tunnel_mtu(config, facts, "wg1") == 1420);
  facts.paths.push_back({*parse_address("198.51.100.2"), 3, 1400, {}, {}});
  CHECK(tunnel_mtu(config, facts, "wg1") == 1320);
  facts.paths.clear();
  for (DefaultRouteFact& route : facts.default_routes) route.link = 9;
  CHECK(tunnel_mtu(config, facts, "wg1") == 1420);
}

TEST_CASE("a gateway forwards, and goes on to take its own default route from router advertisements") {
  config::Config config = laptop();
  config.peers[0].allowed_ips = {prefix("10.99.0.3/32")};
  config.gateway.enabled = true;
  Facts facts = at_home();
  facts.default_routes.push_back({DefaultRouteFact::Origin::router_advertisement, Family::v6, 2, 0, 0, {}});
  CHECK(steps_of<step::Sysctl>(plan_of(config, facts)) ==
        std::vector<step::Sysctl>{{"net.ipv4.ip_forward", "1"},
                                  {"net/ipv6/conf/eth0/accept_ra", "2"},
                                  {"net.ipv6.conf.all.forwarding", "1"}});
}

TEST_CASE("private is what lies whole in a private range") {
  for (const char* yes : {"10.0.0.0/8", "10.1.0.0/16", "172.31.0.0/16", "192.168.0.0/16", "169.254.3.0/24", "fe80::/64",
                          "fd12:3456::/48"}) {
    CAPTURE(yes);
    CHECK(is_private(prefix(yes)));
  }
  for (const char* no : {"10.0.0.0/7", "0.0.0.0/0", "172.32.0.0/16", "1.1.1.0/24", "100.64.0.0/10", "2001:db8::/32",
                         "fc00::/6", "224.0.0.0/24"}) {
    CAPTURE(no);
    CHECK_FALSE(is_private(prefix(no)));
  }
}

TEST_CASE("where the kernel has no IPv6 switched on, there is nothing to do about it") {
  Facts facts = at_home();
  facts.ipv6 = Facts::Ipv6::absent;
  config::Config config = laptop();
  config.gateway.enabled = true;
  for (const std::string& words : in_words(plan_of(config, facts).steps)) {
    CAPTURE(words);
    CHECK(words.find("v6") == std::string::npos);
    CHECK(words.find("::") == std::string::npos);
  }
}

TEST_CASE("a configuration is checked against the networks of other links than loopback and the tunnel") {
  Facts facts = at_home();
  facts.links.push_back({4, "wg0", 1420});
  facts.addresses.push_back({4, prefix("10.99.0.2/24")});
  Words known;
  for (const auto& each : facts_for_check(facts, "wg0", {}).addresses)
    known.push_back(each.interface + " " + to_string(each.prefix));
  CHECK(known == Words{"eth0 192.168.7.20/24", "eth0 fd00:7::20/64", "eth1 203.0.113.9/24"});
}

TEST_CASE("a tunnel of some networks asks its servers for the search domains only, unless every name is named") {
  config::Config config = laptop();
  config.peers[0].allowed_ips = {prefix("10.77.0.0/16")};
  config.dns.servers = {*parse_address("10.99.0.1")};
  const auto dns = [&](std::vector<std::string> search) {
    config.dns.search = std::move(search);
    return steps_of<step::Dns>(plan_of(config, at_home())).at(0);
  };
  using enum step::Dns::Names;
  CHECK(dns({}).names == all);
  CHECK(dns({"corp.example"}).names == search_only);
  CHECK(dns({"corp.example", "~."}).names == all);
  CHECK(dns({"corp.example", "~."}).search == std::vector<std::string>{"corp.example"});
  CHECK(dns({"."}).names == all);
  CHECK(dns({"."}).search.empty());
}
