// SPDX-License-Identifier: MIT
// What the host looks like at one moment, as values: what a plan is made from. Reading is all that this does.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <culvert/address.hpp>
#include <culvert/result.hpp>

#include "check.hpp"
#include "host_failure.hpp"

namespace culvert::host {

inline constexpr std::uint32_t kMainTable = 254;

struct LinkFact {
  std::uint32_t index = 0;
  std::string name;
  std::uint32_t mtu = 0;

  friend bool operator==(const LinkFact&, const LinkFact&) = default;
};

/// An address of the host, with the length of its network and the link that has it.
struct AddressFact {
  std::uint32_t link = 0;
  Prefix prefix;  // host bits are kept

  friend bool operator==(const AddressFact&, const AddressFact&) = default;
};

/// A default route of the main table.
struct DefaultRouteFact {
  enum class Origin : std::uint8_t { other, router_advertisement } origin = Origin::other;
  Family family = Family::v4;
  std::uint32_t link = 0;
  std::uint32_t metric = 0;
  std::uint32_t mtu = 0;  // of the route, 0: that of the link
  std::optional<IpAddress> gateway;

  friend bool operator==(const DefaultRouteFact&, const DefaultRouteFact&) = default;
};

/// The way that a marked datagram would take to an endpoint.
struct PathFact {
  IpAddress to;
  std::uint32_t link = 0;
  std::uint32_t mtu = 0;  // of the route, or else of the link
  std::optional<IpAddress> source, gateway;

  friend bool operator==(const PathFact&, const PathFact&) = default;
};

struct Facts {
  /// Switched off in the kernel, IPv6 leaves nothing to set and nothing to leak.
  enum class Ipv6 : std::uint8_t { present, absent } ipv6 = Ipv6::present;
  std::vector<LinkFact> links;
  std::vector<AddressFact> addresses;
  std::vector<DefaultRouteFact> default_routes;
  std::vector<PathFact> paths;     // to the endpoints that were asked for and that are reachable
  std::set<std::uint32_t> tables;  // that have a route, or that a rule names
  std::set<std::uint32_t> marks;   // that a rule names

  /// nullptr: there is none of that name, or number. borrowed: until the facts change.
  [[nodiscard]] const LinkFact* link(std::string_view name) const noexcept;
  [[nodiscard]] const LinkFact* link(std::uint32_t index) const noexcept;
};

/// What a configuration is checked against: without loopback and the tunnel's own interface.
[[nodiscard]] config::HostFacts facts_for_check(const Facts& facts, std::string_view interface, UnixTime now);

/// Asks the kernel for everything above. `mark` is that of the tunnel's own datagrams, 0 while none is chosen: with it
/// the paths are those outside the tunnel even while the tunnel takes all traffic. Any thread; some system calls that
/// do not wait for anything outside this machine.
[[nodiscard]] Result<Facts, Failure> read_facts(std::span<const IpAddress> endpoints, std::uint32_t mark);

}  // namespace culvert::host
