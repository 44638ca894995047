// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <culvert/address.hpp>

namespace culvert::host {

/// The address is in the network.
[[nodiscard]] bool contains(const Prefix& network, const IpAddress& address) noexcept;

/// The whole network is in a range that is private for ever: 10/8, 172.16/12, 192.168/16, 169.254/16, fc00::/7,
/// fe80::/10. Only such networks may be reached past a tunnel that takes everything: an access point that claims to be
/// directly in a public network would else see the traffic to it (CVE-2023-36672).
[[nodiscard]] bool is_private(const Prefix& network) noexcept;

/// The same ranges, and what on the link reaches many: for a set of nftables. "10.0.0.0/8, 172.16.0.0/12, ..."
[[nodiscard]] std::string lan_ranges(Family family);

}  // namespace culvert::host
