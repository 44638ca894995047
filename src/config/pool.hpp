// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include <culvert/result.hpp>

#include "config.hpp"

namespace culvert::config {

/// The lowest free address of each of the pool's prefixes, as /32 or /128. Taken are: the interface's own addresses,
/// what lies in peers' allowed IPs that are within the prefix, the first address of a prefix (the network, or IPv6's
/// any-router) and the last of an IPv4 prefix (broadcast); prefixes of one or two addresses are used whole [RFC 3021].
/// \returns one for each prefix, in order; or a sentence: there is no pool, or a prefix is full.
[[nodiscard]] Result<std::vector<Prefix>, std::string> next_free(const Config& config);

}  // namespace culvert::config
