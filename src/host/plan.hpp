// SPDX-License-Identifier: MIT
// What is to be done to the host for one interface, as a list of values in the order in which it is done; it is undone
// in reverse. Made from the configuration and the facts alone, so that it can be printed, compared and tested without a
// host.
//
//   firewall           before anything else, so that nothing leaves in the clear at any later moment
//   sysctls            src_valid_mark, forwarding
//   address, MTU, up
//   rules              while the tunnel's table is empty: they change nothing yet
//   routes             longest prefix first, /0 last: at once everything goes inside
//   DNS                when its servers can be reached
//
// Routing. A tunnel that takes all traffic of a family has a routing table T and a mark M of its own; the sockets of
// the tunnel carry M (set before these steps, see apply.hpp). Three kinds of rules stand before the main table:
//
//   32500  not fwmark M lookup T suppress_prefixlength 7     networks that the peers name
//   32501  to LAN lookup main suppress_prefixlength LAN-1    private networks that a link is directly in, where allowed
//   32502  not fwmark M lookup T                             all else
//
// The second kind is the same for all tunnels of a host, and shared by them.
//
// So no route in the main table can take traffic out of the tunnel, be it a /1 or a /32 that a hostile DHCP server gave
// (CVE-2024-3661), a public network that the access point claims to be directly connected (CVE-2023-36672), or the
// address of the endpoint (CVE-2023-36673): the one thing that passes is the mark. wg-quick consults main first and is
// open to these. Which LAN is allowed is known from the facts, so a plan is made anew when an address of the host
// changes. A tunnel that takes only some networks has its routes in main, as with wg-quick; but with the kill switch,
// or where a network holds an endpoint, it has the table and the rules as well.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <culvert/address.hpp>

#include "config.hpp"
#include "facts.hpp"

namespace culvert::host {

namespace step {

/// One nftables table, replaced as a whole in one transaction (see firewall.hpp).
struct Firewall {
  enum class Need : std::uint8_t { required, helpful } need = Need::required;  // helpful: without it a note is enough
  std::string table;                                                           // "culvert-wg0"
  std::string text;                                                            // what `nft -f` reads

  friend bool operator==(const Firewall&, const Firewall&) = default;
};

struct Sysctl {
  std::string
      key;  // "net.ipv4.ip_forward"; the name of an interface may hold dots, so '/' separates where one is named
  std::string value;

  friend bool operator==(const Sysctl&, const Sysctl&) = default;
};

struct Address {
  Prefix prefix;

  friend bool operator==(const Address&, const Address&) = default;
};

struct Mtu {
  std::uint32_t octets = 0;

  friend bool operator==(const Mtu&, const Mtu&) = default;
};

struct LinkUp {
  friend bool operator==(const LinkUp&, const LinkUp&) = default;
};

struct Rule {
  Family family = Family::v4;
  std::uint32_t priority = 0;
  std::optional<std::uint32_t> unless_mark;
  std::optional<Prefix> to;
  std::uint32_t table = 0;
  std::optional<std::uint32_t> suppress_prefix_length;

  friend bool operator==(const Rule&, const Rule&) = default;
};

/// Over the interface, without a gateway.
struct Route {
  Prefix to;
  std::uint32_t table = 0;

  friend bool operator==(const Route&, const Route&) = default;
};

struct Dns {
  enum class Names : std::uint8_t { all, search_only } names = Names::all;  // which are asked of these servers
  config::DnsBackend backend = config::DnsBackend::automatic;
  std::vector<IpAddress> servers;
  std::vector<std::string> search;

  friend bool operator==(const Dns&, const Dns&) = default;
};

}  // namespace step

using Step = std::variant<step::Firewall, step::Sysctl, step::Address, step::Mtu, step::LinkUp, step::Rule, step::Route,
                          step::Dns>;

inline constexpr std::uint32_t kFirstTable = 51820;
inline constexpr std::uint32_t kRulePriority = 32500;  // the first of three

/// Numbers that an interface keeps for as long as it is up, whatever is reloaded.
struct Choice {
  std::uint32_t mark = 0;   // of the tunnel's own datagrams; 0: none is needed
  std::uint32_t table = 0;  // for routes; 0: none

  friend bool operator==(const Choice&, const Choice&) = default;
};

struct Plan {
  std::string interface;
  Choice choice;
  config::FirewallConfig firewall;  // what the firewall step enforces, for the order of changes and for the status
  std::vector<Step> steps;
};

/// Whether the routes need a table and a mark of their own (see above).
[[nodiscard]] bool needs_policy_routing(const config::Config& config);

/// The mark of the configuration or else the first free number from 51820, and a table of the same number where it is
/// free. Nothing is chosen where the routes need none and the configuration names no mark. \param current  of the
/// interface while it is up, whose numbers are kept where they are still needed. \param others  numbers of other
/// interfaces, which are not free even while the facts do not show them yet
[[nodiscard]] Choice choose(const config::Config& config, const Facts& facts, const Choice& current = {},
                            std::span<const Choice> others = {});

/// \param interface  the name of the link, which need not exist yet
/// Peers that are disabled or expired keep their routes: their traffic is refused, and takes no other way.
[[nodiscard]] Plan make_plan(const config::Config& config, std::string_view interface, const Choice& choice,
                             const Facts& facts);

/// The MTU of the configuration; else the smallest of the paths in the facts less 80 octets (IPv6 40, UDP 8, message
/// 32), or that of the default routes; else 1420. What leads into the tunnel itself (`interface`) does not count. Never
/// below 1280 where the tunnel has IPv6, nor below 576.
[[nodiscard]] std::uint32_t tunnel_mtu(const config::Config& config, const Facts& facts,
                                       std::string_view interface = {});

/// For messages and for `--dry-run`: "route 10.0.0.0/8 in table 51820".
[[nodiscard]] std::string to_string(const Step& step);

}  // namespace culvert::host
