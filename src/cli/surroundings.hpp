// SPDX-License-Identifier: MIT
// What `culvert init` finds out about the machine. Nothing is sent anywhere.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <culvert/address.hpp>

#include "check.hpp"

namespace culvert::cli {

struct Surroundings {
  std::string outside_interface;               // of the default route; empty: there is none
  std::optional<IpAddress> outside;            // from which this machine speaks to the Internet
  std::vector<config::HostAddress> addresses;  // of this machine, but loopback
  std::uint16_t free_port = 0;                 // UDP; 51820 or the next that nobody has
};

[[nodiscard]] Surroundings look_around();

/// The addresses alone.
[[nodiscard]] std::vector<config::HostAddress> host_addresses();

/// Addresses that the Internet routes: neither private, shared [RFC 6598], link-local, loopback, unique local nor
/// multicast.
[[nodiscard]] bool is_public(const IpAddress& address) noexcept;

/// The interface of the default route in the text of /proc/net/route, the one with the lowest metric; empty: none.
[[nodiscard]] std::string default_interface(std::string_view proc_net_route);

/// Whether two networks have an address in common.
[[nodiscard]] bool overlap(const Prefix& a, const Prefix& b) noexcept;

}  // namespace culvert::cli
