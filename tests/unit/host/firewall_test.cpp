// SPDX-License-Identifier: MIT
#include "firewall.hpp"

#include <doctest/doctest.h>

#include "host_support.hpp"

using namespace culvert;
using namespace culvert::host;

namespace {

std::string text_of(const config::Config& config, Choice choice = {51820, 51820}) {
  return firewall_step(config, "wg0", choice).text;
}

/// Where the words stand in the text; they must.
std::size_t place(const std::string& text, const std::string& words) {
  const std::size_t at = text.find(words);
  CAPTURE(words);
  CAPTURE(text);
  REQUIRE(at != std::string::npos);
  return at;
}

bool has(const std::string& text, const std::string& words) { return text.find(words) != std::string::npos; }

}  // namespace

TEST_CASE("the table replaces its forerunner in one transaction") {
  const std::string text = text_of(laptop());
  CHECK(text.rfind("add table inet culvert-wg0\ndelete table inet culvert-wg0\ntable inet culvert-wg0 {\n", 0) == 0);
}

TEST_CASE("the kill switch: names are refused before the LAN is let through, and all else after it") {
  config::Config config = laptop();
  config.firewall = {.kill_switch = true, .allow_lan = true};
  const std::string text = text_of(config);
  const std::size_t output = place(text, "type filter hook output priority filter; policy drop;");
  CHECK(output < place(text, "oifname { \"lo\", \"wg0\" } accept"));
  CHECK(place(text, "meta l4proto udp meta mark 51820 accept") < place(text, "th dport { 53, 853 } counter reject"));
  CHECK(place(text, "th dport { 53, 853 } counter reject") < place(text, "ip daddr { 10.0.0.0/8"));
  CHECK(place(text, "ip6 daddr { fc00::/7") < place(text, "\n    counter reject with icmpx admin-prohibited"));
  CHECK(has(text, "type filter hook forward priority filter; policy drop;"));
}

TEST_CASE("without permission for the LAN, or without the kill switch, its words are not there") {
  config::Config config = laptop();
  CHECK_FALSE(has(text_of(config), "policy drop"));
  config.firewall.kill_switch = true;
  CHECK_FALSE(has(text_of(config), "192.168.0.0/16"));
}

TEST_CASE("what comes for an address of the tunnel over another link is dropped, link-local addresses aside") {
  config::Config config = laptop();
  config.addresses.push_back(prefix("fe80::7/64"));
  const std::string text = text_of(config);
  place(text, "iifname != \"wg0\" ip daddr { 10.99.0.2/32 } fib saddr type != local counter drop");
  place(text, "iifname != \"wg0\" ip6 daddr { fd99::2/128 } fib saddr type != local counter drop");
}

TEST_CASE("a gateway: peers reach the allowed subnets only, and go out behind the address of one link") {
  config::Config config = laptop();
  config.gateway = {.enabled = true,
                    .masquerade = true,
                    .outside_interface = "eth0",
                    .allowed_subnets = {prefix("192.168.7.0/24"), prefix("fd00:7::/64")}};
  const std::string text = text_of(config, {});
  CHECK(place(text, "ip daddr { 192.168.7.0/24 } accept") < place(text, "counter reject with icmpx"));
  place(text, "ip6 daddr { fd00:7::/64 } accept");
  place(text, "iifname \"wg0\" oifname \"eth0\" masquerade");
  config.gateway.outside_interface.clear();
  place(text_of(config, {}), "iifname \"wg0\" oifname != { \"lo\", \"wg0\" } masquerade");
  config.gateway.allowed_subnets.clear();
  config.gateway.masquerade = false;
  CHECK_FALSE(has(text_of(config, {}), "chain peers"));
  CHECK_FALSE(has(text_of(config, {}), "masquerade"));
}

TEST_CASE("the guard of the boot lets nothing out but leases and neighbours: there is no mark yet") {
  config::Config config = laptop();
  CHECK(boot_guard_text(config, "wg0").empty());
  config.firewall.kill_switch = true;
  const std::string text = boot_guard_text(config, "wg0");
  place(text, "policy drop;");
  CHECK_FALSE(has(text, "mark"));
}

TEST_CASE("any name of an interface makes a name of a table that no other makes") {
  CHECK(firewall_table("wg0") == "culvert-wg0");
  CHECK(firewall_table("a=b+c.d-e_f") == "culvert-a/3db/2bc.d-e_f");
}
