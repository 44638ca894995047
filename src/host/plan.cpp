// SPDX-License-Identifier: MIT
#include "plan.hpp"

#include <algorithm>
#include <array>

#include "firewall.hpp"
#include "private_ranges.hpp"
#include "values.hpp"

namespace culvert::host {
namespace {

using config::Config;
using config::RoutingTable;

constexpr std::uint32_t kDefaultMtu = 1420;
constexpr std::uint32_t kTunnelOctets = 80;    // IPv6 header 40, UDP header 8, data message 32
constexpr std::uint32_t kSmallestIpv6 = 1280;  // [RFC 8200 5]
constexpr std::uint32_t kSmallestIpv4 = 576;   // [RFC 791 3.1]
constexpr std::uint32_t kLargestTunnel = 65535 - kTunnelOctets;
constexpr std::uint8_t kWidePrefix = 8;  // shorter prefixes hold so much that the endpoint, named or not, may be in it

constexpr std::array kFamilies = {Family::v4, Family::v6};

/// Longest first, each once.
void sort_once(std::vector<Prefix>& networks) {
  std::sort(networks.begin(), networks.end(), [](const Prefix& a, const Prefix& b) {
    return a.length != b.length ? a.length > b.length : a.address < b.address;
  });
  networks.erase(std::unique(networks.begin(), networks.end()), networks.end());
}

/// Every network that some peer has.
std::vector<Prefix> peer_networks(const Config& config) {
  std::vector<Prefix> networks;
  for (const auto& peer : config.peers)
    networks.insert(networks.end(), peer.allowed_ips.begin(), peer.allowed_ips.end());
  for (Prefix& network : networks) network = masked(network);
  sort_once(networks);
  return networks;
}

bool has_family(const std::vector<Prefix>& prefixes, Family family) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const Prefix& each) { return each.address.family == family; });
}

bool takes_default(const std::vector<Prefix>& networks, Family family) {
  return std::any_of(networks.begin(), networks.end(),
                     [&](const Prefix& each) { return each.address.family == family && each.length < kWidePrefix; });
}

bool holds_an_endpoint(const Prefix& network, const Config& config) {
  for (const auto& peer : config.peers)
    for (const auto& endpoint : peer.endpoints)
      if (const auto address = parse_address(endpoint.host); address && contains(network, *address)) return true;
  return false;
}

/// What a table of its own holds besides: the tunnel's own networks and resolvers. Without routes of their own they
/// would be found in the LAN, if an access point has chosen its addresses to match.
std::vector<Prefix> with_own(std::vector<Prefix> networks, const Config& config) {
  for (const Prefix& own : config.addresses)
    if (own.length < address_bits(own.address.family)) networks.push_back(masked(own));
  for (const IpAddress& server : config.dns.servers) networks.push_back({server, address_bits(server.family)});
  // A family that no peer takes keeps its ways.
  const std::vector<Prefix> peers = peer_networks(config);
  std::erase_if(networks, [&](const Prefix& each) { return !has_family(peers, each.address.family); });
  sort_once(networks);
  return networks;
}

/// Private networks that the host is directly in, over another link than the tunnel.
std::vector<Prefix> lan_networks(std::string_view interface, const Facts& facts) {
  const LinkFact* const tunnel = facts.link(interface);
  std::vector<Prefix> networks;
  for (const AddressFact& each : facts.addresses) {
    if (tunnel != nullptr && each.link == tunnel->index) continue;
    const Prefix network = masked(each.prefix);
    if (network.length < address_bits(network.address.family) && is_private(network)) networks.push_back(network);
  }
  std::sort(networks.begin(), networks.end());
  networks.erase(std::unique(networks.begin(), networks.end()), networks.end());
  return networks;
}

bool lan_allowed(const Config& config) {
  // Behind a gateway there are hosts to answer to. Without the kill switch it is as wg-quick users know it.
  return !config.firewall.kill_switch || config.firewall.allow_lan || config.gateway.enabled;
}

void plan_sysctls(std::vector<Step>& steps, const Config& config, const Choice& choice,
                  const std::vector<Prefix>& networks, const Facts& facts) {
  // With the reverse path filter the kernel asks where an answer would go; of a marked datagram it must ask with the
  // mark.
  if (choice.table != 0 && takes_default(networks, Family::v4))
    steps.emplace_back(step::Sysctl{"net.ipv4.conf.all.src_valid_mark", "1"});
  if (!config.gateway.enabled) return;
  if (has_family(config.addresses, Family::v4)) steps.emplace_back(step::Sysctl{"net.ipv4.ip_forward", "1"});
  if (!has_family(config.addresses, Family::v6)) return;
  // A router ignores router advertisements, and would lose its own default route, unless told to take them all the
  // same.
  for (const DefaultRouteFact& route : facts.default_routes)
    if (const LinkFact* const link = facts.link(route.link);
        link != nullptr && route.origin == DefaultRouteFact::Origin::router_advertisement) {
      const step::Sysctl accept{"net/ipv6/conf/" + link->name + "/accept_ra", "2"};
      if (std::find(steps.begin(), steps.end(), Step(accept)) == steps.end()) steps.emplace_back(accept);
    }
  steps.emplace_back(step::Sysctl{"net.ipv6.conf.all.forwarding", "1"});
}

void plan_rules(std::vector<Step>& steps, const Config& config, std::string_view interface, const Choice& choice,
                const std::vector<Prefix>& networks, const Facts& facts) {
  const std::vector<Prefix> lan = lan_allowed(config) ? lan_networks(interface, facts) : std::vector<Prefix>{};
  for (const Family family : kFamilies) {
    if (!has_family(networks, family)) continue;
    step::Rule specific{.family = family,
                        .priority = kRulePriority,
                        .unless_mark = choice.mark,
                        .to = std::nullopt,
                        .table = choice.table,
                        .suppress_prefix_length = kWidePrefix - 1U};
    steps.emplace_back(specific);
    for (const Prefix& network : lan)
      if (network.address.family == family)
        steps.emplace_back(step::Rule{.family = family,
                                      .priority = kRulePriority + 1,
                                      .unless_mark = std::nullopt,
                                      .to = network,
                                      .table = kMainTable,
                                      .suppress_prefix_length = network.length - 1U});
    specific.priority = kRulePriority + 2;
    specific.suppress_prefix_length.reset();
    steps.emplace_back(specific);
  }
}

void plan_routes(std::vector<Step>& steps, const Config& config, const Choice& choice,
                 const std::vector<Prefix>& networks) {
  const std::uint32_t table = choice.table != 0 ? choice.table : kMainTable;
  const bool own_table = choice.table != 0 && config.table.kind == RoutingTable::Kind::automatic;
  for (const Prefix& network : own_table ? with_own(networks, config) : networks) {
    // The kernel makes the route to the network of an address by itself, in main.
    const bool made_by_address =
        table == kMainTable && std::any_of(config.addresses.begin(), config.addresses.end(), [&](const Prefix& own) {
          return own.length <= network.length && contains(masked(own), network.address);
        });
    if (!made_by_address) steps.emplace_back(step::Route{network, table});
  }
}

void plan_dns(std::vector<Step>& steps, const Config& config, const std::vector<Prefix>& networks) {
  if (config.dns.servers.empty() && config.dns.search.empty()) return;
  std::vector<std::string> search = config.dns.search;
  const bool every_name = std::erase_if(search, config::is_every_name) != 0;
  const bool all = config.firewall.kill_switch || search.empty() || every_name || takes_default(networks, Family::v4) ||
                   takes_default(networks, Family::v6);
  steps.emplace_back(step::Dns{.names = all ? step::Dns::Names::all : step::Dns::Names::search_only,
                               .backend = config.dns.backend,
                               .servers = config.dns.servers,
                               .search = std::move(search)});
}

bool needs_ipv6(const Step& step) {
  if (const auto* const address = std::get_if<step::Address>(&step))
    return address->prefix.address.family == Family::v6;
  if (const auto* const rule = std::get_if<step::Rule>(&step)) return rule->family == Family::v6;
  if (const auto* const route = std::get_if<step::Route>(&step)) return route->to.address.family == Family::v6;
  const auto* const sysctl = std::get_if<step::Sysctl>(&step);
  return sysctl != nullptr && sysctl->key.find("ipv6") != std::string::npos;
}

}  // namespace

bool needs_policy_routing(const Config& config) {
  if (config.table.kind != RoutingTable::Kind::automatic) return false;
  const std::vector<Prefix> networks = peer_networks(config);
  if (networks.empty()) return false;
  return config.firewall.kill_switch || std::any_of(networks.begin(), networks.end(), [&](const Prefix& network) {
           return network.length < kWidePrefix || holds_an_endpoint(network, config);
         });
}

Choice choose(const Config& config, const Facts& facts, const Choice& current, std::span<const Choice> others) {
  Choice choice;
  const bool routed = needs_policy_routing(config);
  std::set<std::uint32_t> tables = facts.tables, marks = facts.marks;
  for (const Choice& other : others) {
    tables.insert(other.table);
    marks.insert(other.mark);
  }
  std::uint32_t number = kFirstTable;
  while (tables.contains(number) || marks.contains(number)) ++number;
  choice.mark = config.fwmark.value_or(0);
  // The kill switch tells the tunnel's own datagrams from all others by their mark.
  if (choice.mark == 0 && (routed || config.firewall.kill_switch))
    choice.mark = current.mark != 0 ? current.mark : number;
  if (config.table.kind == RoutingTable::Kind::number) {
    choice.table = config.table.number;
  } else if (routed && current.table != 0) {
    choice.table = current.table;
  } else if (routed) {
    // 0 and 253 to 255 are the kernel's own tables.
    choice.table = choice.mark > 255 && !tables.contains(choice.mark) ? choice.mark : number;
  }
  return choice;
}

std::uint32_t tunnel_mtu(const Config& config, const Facts& facts, std::string_view interface) {
  if (config.mtu) return *config.mtu;
  std::uint32_t outside = 0;
  const auto take = [&](std::uint32_t mtu) { outside = outside == 0 || (mtu != 0 && mtu < outside) ? mtu : outside; };
  // Somebody's route may lead an endpoint into the tunnel itself: that is no path, and its MTU would shrink by each
  // look.
  const LinkFact* const tunnel = interface.empty() ? nullptr : facts.link(interface);
  for (const PathFact& path : facts.paths)
    if (tunnel == nullptr || path.link != tunnel->index) take(path.mtu);
  if (outside == 0)
    for (const DefaultRouteFact& route : facts.default_routes) {
      const LinkFact* const link = facts.link(route.link);
      if (tunnel != nullptr && link == tunnel) continue;
      take(route.mtu != 0 ? route.mtu : link != nullptr ? link->mtu : 0);
    }
  const bool ipv6 = has_family(config.addresses, Family::v6) || has_family(peer_networks(config), Family::v6);
  const std::uint32_t least = ipv6 ? kSmallestIpv6 : kSmallestIpv4;
  if (outside <= kTunnelOctets) return kDefaultMtu;
  return std::clamp(outside - kTunnelOctets, least, kLargestTunnel);
}

Plan make_plan(const Config& config, std::string_view interface, const Choice& choice, const Facts& facts) {
  Plan plan{.interface = std::string(interface), .choice = choice, .firewall = config.firewall, .steps = {}};
  const std::vector<Prefix> networks = peer_networks(config);
  plan.steps.emplace_back(firewall_step(config, interface, choice));
  plan_sysctls(plan.steps, config, choice, networks, facts);
  for (const Prefix& address : config.addresses) plan.steps.emplace_back(step::Address{address});
  plan.steps.emplace_back(step::Mtu{tunnel_mtu(config, facts, interface)});
  plan.steps.emplace_back(step::LinkUp{});
  if (config.table.kind == RoutingTable::Kind::automatic && choice.table != 0)
    plan_rules(plan.steps, config, interface, choice, networks, facts);
  if (config.table.kind != RoutingTable::Kind::off) plan_routes(plan.steps, config, choice, networks);
  plan_dns(plan.steps, config, networks);
  if (facts.ipv6 == Facts::Ipv6::absent) std::erase_if(plan.steps, needs_ipv6);
  return plan;
}

}  // namespace culvert::host
