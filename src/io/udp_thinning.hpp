// SPDX-License-Identifier: MIT
// A filter in the kernel against floods of few senders: of what listed senders send to a socket it lets one datagram in
// 2^n through, and all of everybody else's. So the receive buffer has room for those who are not listed, and a dropped
// datagram costs whoever sends it, not whoever reads. Classic BPF, which needs no privilege.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <vector>

#include <culvert/address.hpp>
#include <culvert/result.hpp>

#include "system_error.hpp"

namespace culvert::io {

/// What the filter compares of a sender: an IPv4 address or, by IPv6, its /64, mixed to 31 bits (the kernel compares
/// those in one step). \param mix  odd and random, so that nobody knows which other address is taken for his.
[[nodiscard]] std::uint32_t sender_tag(const IpAddress& from, std::uint32_t mix) noexcept;

/// As many as a request between the halves carries. The kernel takes two such programs, while one replaces the other,
/// where net.core.optmem_max is as low as it ever was by default (20,480).
inline constexpr std::size_t kMostThinned = 480;
inline constexpr std::uint32_t kTagBits = 0x7fff'ffff;
inline constexpr unsigned kLeastShare = 15;  // one datagram in 2^15

struct Thinning {
  Family family = Family::v4;
  std::uint32_t mix = 1;
  unsigned share = 1;  // one datagram in 2^share passes; 1 to `kLeastShare`
  /// Tags, ascending, each once, at most `kMostThinned`; none: nothing is held back any more. borrowed: for the call.
  std::span<const std::uint32_t> senders{};
};

/// Pure. Needs a sender at least.
/// \param blind  random, and hidden from whoever chose the tags: the program's words are not to be chosen.
[[nodiscard]] std::vector<sock_filter> thinning_program(const Thinning& thinning, std::uint32_t blind);

/// Puts the filter on a live UDP socket in place of the one before, or takes it away. What it drops counts among the
/// socket's drops (SO_RXQ_OVFL). After an error the socket has the filter that it had.
[[nodiscard]] Result<void, SystemError> thin(int socket, const Thinning& thinning);

}  // namespace culvert::io
