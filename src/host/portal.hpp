// SPDX-License-Identifier: MIT
// A hotel wants its page seen before it lets anything through, and the kill switch lets nothing out to see it. For a
// set time the host may speak, outside the tunnel, to web servers (TCP ports 80 and 443) and to the resolvers that the
// network gave (port 53); whoever asks the tunnel's own resolver is answered by those. All else stays shut. The time is
// that of elements in nftables' sets: the kernel ends it, whether or not this program lives.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <culvert/address.hpp>
#include <culvert/result.hpp>

#include "host_failure.hpp"

namespace culvert::host {

inline constexpr std::chrono::seconds kLongestPortal = std::chrono::hours(1);

struct PortalRequest {
  std::chrono::seconds time{300};     // 1 s to one hour
  std::optional<std::uint32_t> user;  // whose programs may speak to web servers; nullopt: everybody's
  std::vector<IpAddress> resolvers;   // of the network outside; see outside_resolvers. The first of each family answers
};

/// The commands for nftables.
[[nodiscard]] std::string portal_text(std::string_view interface, const PortalRequest& request);

/// Opens it, or opens it anew with another time. A failure leaves it as it was; without a kill switch there is nothing
/// to open. A change of the firewall closes it, and leaves it to the daemon to open it again.
[[nodiscard]] Result<void, Failure> open_portal(std::string_view interface, const PortalRequest& request);
[[nodiscard]] Result<void, Failure> close_portal(std::string_view interface);

/// How long it is still open, for the status. nullopt: it is shut, or there is no kill switch.
[[nodiscard]] std::optional<std::chrono::seconds> portal_left(std::string_view interface);

}  // namespace culvert::host
