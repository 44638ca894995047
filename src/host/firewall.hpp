// SPDX-License-Identifier: MIT
// The nftables table of one interface, as text that `nft -f` reads: replaced as a whole in one transaction, so that
// there is no moment without it. It stays when the daemon dies.
//
//   preraw                  drops what comes for an address of the tunnel over another link, so that nobody there can
//                           tell by answers which addresses and connections the tunnel has (CVE-2019-14899)
//   premangle, postmangle   answers to the tunnel's own datagrams get their mark, for the reverse path filter
//   output, forward         kill switch: what is not named there does not leave
//   peers, outside          gateway: where peers may go, and behind whose address
//   portal_*                for a captive portal, see portal.hpp; all closed until their sets are filled
#pragma once

#include <string>
#include <string_view>

#include "config.hpp"
#include "plan.hpp"

namespace culvert::host {

/// Of connections for a captive portal. They carry the tunnel's mark too, so that they are routed outside.
inline constexpr std::uint32_t kPortalMark = 0x63766c70;

/// "culvert-wg0". The few characters of interface names that nftables refuses become "/" and two digits.
[[nodiscard]] std::string firewall_table(std::string_view interface);

/// The text deletes what may stand there, and makes the table anew.
[[nodiscard]] step::Firewall firewall_step(const config::Config& config, std::string_view interface,
                                           const Choice& choice);

/// For `nft -f`, before the network is up and while no tunnel runs: the kill switch alone. Empty if it is off.
[[nodiscard]] std::string boot_guard_text(const config::Config& config, std::string_view interface);

/// Removes the table, whether or not it is there.
[[nodiscard]] std::string lift_text(std::string_view interface);

}  // namespace culvert::host
