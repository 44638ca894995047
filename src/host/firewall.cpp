// SPDX-License-Identifier: MIT
#include "firewall.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include <fmt/format.h>

#include "private_ranges.hpp"

namespace culvert::host {
namespace {

using config::Config;

constexpr std::array kFamilies = {Family::v4, Family::v6};

const char* keyword(Family family) { return family == Family::v4 ? "ip" : "ip6"; }

std::string list_of(const std::vector<Prefix>& prefixes, Family family) {
  std::string list;
  for (const Prefix& each : prefixes)
    if (each.address.family == family) list += (list.empty() ? "" : ", ") + to_string(masked(each));
  return list;
}

/// The addresses of the tunnel, without their networks. Link-local ones may be another link's as well.
std::string own_addresses(const Config& config, Family family) {
  std::vector<Prefix> whole;
  const Prefix link_local = *parse_prefix("fe80::/10");
  for (const Prefix& each : config.addresses)
    if (!contains(link_local, each.address)) whole.push_back({each.address, address_bits(each.address.family)});
  return list_of(whole, family);
}

/// Collects the text, an indented line at a time.
class Text {
 public:
  void open(const std::string& head) { text_ += fmt::format("{:{}}{} {{\n", "", 2 * depth_++, head); }
  void close() { text_ += fmt::format("{:{}}}}\n", "", 2 * --depth_); }
  void line(const std::string& words) { text_ += fmt::format("{:{}}{}\n", "", 2 * depth_, words); }
  void chain(const std::string& name, const std::string& hook, const std::string& policy = "accept") {
    open("chain " + name);
    line(fmt::format("type {}; policy {};", hook, policy));
  }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
  std::size_t depth_ = 0;
};

void own_address_guard(Text& text, const Config& config, std::string_view interface) {
  if (config.addresses.empty()) return;
  text.chain("preraw", "filter hook prerouting priority raw");
  for (const Family family : kFamilies)
    if (const std::string own = own_addresses(config, family); !own.empty())
      text.line(fmt::format("iifname != \"{}\" {} daddr {{ {} }} fib saddr type != local counter drop", interface,
                            keyword(family), own));
  text.close();
}

void marks(Text& text, const Choice& choice) {
  if (choice.mark == 0) return;
  text.chain("premangle", "filter hook prerouting priority mangle");
  text.line(fmt::format("ct mark {0} meta mark set {0}", choice.mark));
  text.line(fmt::format("ct mark {} meta mark set {}", kPortalMark, choice.mark));
  text.close();
  text.chain("postmangle", "filter hook postrouting priority mangle");
  text.line(fmt::format("ct mark {} accept", kPortalMark));
  text.line(fmt::format("meta l4proto udp meta mark {0} ct mark set {0}", choice.mark));
  text.close();
}

void portal_sets(Text& text) {
  text.line("set portal_web { type nf_proto; flags timeout; }");
  text.line("set portal_users { type uid; flags timeout; }");
  text.line("set portal_names { type nf_proto; flags timeout; }");
  text.line("set portal_resolvers4 { type ipv4_addr; flags timeout; }");
  text.line("set portal_resolvers6 { type ipv6_addr; flags timeout; }");
  text.line("map portal_to4 { type nf_proto : ipv4_addr; flags timeout; }");
  text.line("map portal_to6 { type nf_proto : ipv6_addr; flags timeout; }");
}

/// Turns what a portal needs away from the tunnel: its mark routes it outside, and there it takes the address of the
/// link.
void portal_ways(Text& text, std::string_view interface, const Choice& choice) {
  const std::string turn = fmt::format("meta mark set {} ct mark set {}", choice.mark, kPortalMark);
  text.chain("portal_route", "route hook output priority mangle");
  text.line(fmt::format("oifname != \"{}\" return", interface));
  text.line("tcp dport { 80, 443 } meta nfproto @portal_web " + turn);
  text.line("tcp dport { 80, 443 } meta skuid @portal_users " + turn);
  text.line("meta l4proto { tcp, udp } th dport 53 meta nfproto @portal_names " + turn);
  text.close();
  text.chain("portal_names_to", "nat hook output priority -100");
  text.line(fmt::format("ct mark != {} return", kPortalMark));
  text.line("meta nfproto ipv4 meta l4proto { tcp, udp } th dport 53 dnat ip to meta nfproto map @portal_to4");
  text.line("meta nfproto ipv6 meta l4proto { tcp, udp } th dport 53 dnat ip6 to meta nfproto map @portal_to6");
  text.close();
  text.chain("portal_source", "nat hook postrouting priority srcnat");
  text.line(fmt::format("ct mark {} oifname != {{ \"lo\", \"{}\" }} masquerade", kPortalMark, interface));
  text.close();
  text.open("chain portal");
  text.line("tcp dport { 80, 443 } meta nfproto @portal_web accept");
  text.line("tcp dport { 80, 443 } meta skuid @portal_users accept");
  text.line("meta l4proto { tcp, udp } th dport 53 ip daddr @portal_resolvers4 accept");
  text.line("meta l4proto { tcp, udp } th dport 53 ip6 daddr @portal_resolvers6 accept");
  text.line("counter drop");
  text.close();
}

constexpr const char* kRefuse = "counter reject with icmpx admin-prohibited";
constexpr const char* kRefuseNames =
    "meta l4proto { tcp, udp } th dport { 53, 853 } counter reject with icmpx admin-prohibited";

void lan(Text& text, const Config& config) {
  if (!config.firewall.allow_lan) return;
  for (const Family family : kFamilies)
    text.line(fmt::format("{} daddr {{ {} }} accept", keyword(family), lan_ranges(family)));
}

void kill_switch_output(Text& text, const Config& config, std::string_view interface, const Choice& choice) {
  text.chain("output", "filter hook output priority filter", "drop");
  text.line(fmt::format("oifname {{ \"lo\", \"{}\" }} accept", interface));
  if (choice.mark != 0) {
    text.line(fmt::format("ct mark {} goto portal", kPortalMark));
    text.line(fmt::format("meta l4proto udp meta mark {} accept", choice.mark));
  }
  // A lease is asked for and renewed: without an address there is no way for the tunnel either.
  text.line("meta nfproto ipv4 udp sport 68 udp dport 67 accept");
  text.line("udp sport 546 udp dport 547 ip6 daddr { ff02::1:2, fe80::/10 } accept");
  // [RFC 4861] only the own link sees them: the hop limit of 255 is checked by whoever receives them.
  text.line("icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept");
  // [RFC 3810] switches that listen to these would else keep neighbour solicitations from us.
  text.line("icmpv6 type { mld-listener-report, mld-listener-done, mld2-listener-report } ip6 daddr ff02::/16 accept");
  text.line(kRefuseNames);
  lan(text, config);
  text.line(kRefuse);
  text.close();
}

void kill_switch_forward(Text& text, const Config& config, std::string_view interface) {
  text.chain("forward", "filter hook forward priority filter", "drop");
  text.line(fmt::format("oifname \"{}\" accept", interface));
  // What peers may reach is decided by the chain of the gateway; answers to hosts behind this one always.
  text.line(
      fmt::format("iifname \"{}\" {}accept", interface, config.gateway.enabled ? "" : "ct state established,related "));
  text.line(kRefuseNames);
  lan(text, config);
  text.line(kRefuse);
  text.close();
}

void gateway(Text& text, const Config& config, std::string_view interface) {
  // Hosts behind the gateway know nothing of the smaller packets inside; not every path brings them the news.
  text.chain("segments", "filter hook forward priority mangle");
  text.line(fmt::format("oifname \"{}\" tcp flags syn / syn,rst tcp option maxseg size set rt mtu", interface));
  text.close();
  if (!config.gateway.allowed_subnets.empty()) {
    text.chain("peers", "filter hook forward priority filter - 1");
    text.line(fmt::format("iifname != \"{}\" accept", interface));
    text.line("ct state established,related accept");
    for (const Family family : kFamilies)
      if (const std::string list = list_of(config.gateway.allowed_subnets, family); !list.empty())
        text.line(fmt::format("{} daddr {{ {} }} accept", keyword(family), list));
    text.line(kRefuse);
    text.close();
  }
  if (!config.gateway.masquerade) return;
  text.chain("outside", "nat hook postrouting priority srcnat");
  text.line(config.gateway.outside_interface.empty()
                ? fmt::format("iifname \"{0}\" oifname != {{ \"lo\", \"{0}\" }} masquerade", interface)
                : fmt::format("iifname \"{}\" oifname \"{}\" masquerade", interface, config.gateway.outside_interface));
  text.close();
}

std::string table_text(const Config& config, std::string_view interface, const Choice& choice) {
  const std::string table = firewall_table(interface);
  Text text;
  text.line("add table inet " + table);
  text.line("delete table inet " + table);
  text.open("table inet " + table);
  const bool portal = config.firewall.kill_switch && choice.mark != 0;
  if (portal) portal_sets(text);
  own_address_guard(text, config, interface);
  marks(text, choice);
  if (portal) portal_ways(text, interface, choice);
  if (config.firewall.kill_switch) {
    kill_switch_output(text, config, interface, choice);
    kill_switch_forward(text, config, interface);
  }
  if (config.gateway.enabled) gateway(text, config, interface);
  text.close();
  return text.text();
}

}  // namespace

std::string firewall_table(std::string_view interface) {
  std::string name = "culvert-";
  for (const char each : interface) {
    const bool plain = std::isalnum(static_cast<unsigned char>(each)) != 0 || each == '-' || each == '_' || each == '.';
    name += plain ? std::string(1, each) : fmt::format("/{:02x}", static_cast<unsigned char>(each));
  }
  return name;
}

step::Firewall firewall_step(const Config& config, std::string_view interface, const Choice& choice) {
  const bool required = config.firewall.kill_switch || config.gateway.enabled;
  return {.need = required ? step::Firewall::Need::required : step::Firewall::Need::helpful,
          .table = firewall_table(interface),
          .text = table_text(config, interface, choice)};
}

std::string boot_guard_text(const Config& config, std::string_view interface) {
  return config.firewall.kill_switch ? table_text(config, interface, Choice{}) : std::string{};
}

std::string lift_text(std::string_view interface) {
  const std::string table = firewall_table(interface);
  return "add table inet " + table + "\ndelete table inet " + table + "\n";
}

}  // namespace culvert::host
