// SPDX-License-Identifier: MIT
#pragma once

#include <culvert/bytes.hpp>

namespace culvert::io {

/// Room for any message that `icmp_unreachable` writes: an IPv6 host must take 1,280 octets.
inline constexpr std::size_t kMostIcmpOctets = 1280;

/// Writes what the host that sent `packet` into the tunnel is told when nobody is behind its destination: host
/// unreachable [RFC 792], for IPv6 address unreachable [RFC 4443 3.1], as the kernel's own driver does. It comes from
/// the destination, the one address of which we know that the host routes it here.
/// \param packet  as read from inside; it may be a super-packet, whose beginning is quoted.
/// \param out  kMostIcmpOctets.
/// \returns its octets; 0 for what is never answered [RFC 1122 3.2.2] [RFC 4443 2.4]: no IP, an ICMP error, a later
///          fragment, an address of many or of none.
[[nodiscard]] std::size_t icmp_unreachable(Bytes packet, MutBytes out) noexcept;

}  // namespace culvert::io
