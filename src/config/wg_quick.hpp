// SPDX-License-Identifier: MIT
// The files of wg(8) and wg-quick(8), read with all their keys: sections and keys in any case, `#` starts a comment
// anywhere, keys may repeat where they are lists. A comment `# friendly_name = X` or `# Name = X` in a peer's section,
// or right above it, names the peer, as the exporters for Prometheus have it. Pure; any thread.
//
// Where wg-quick and we differ: a wrong line is told with its column, and all of them at once; allowed IPs with host
// bits are a warning; `+` and `-` before an allowed IP add to and take from this file's list.
#pragma once

#include <string>

#include "load.hpp"

namespace culvert::config {

/// \param name  of the interface.
[[nodiscard]] LoadResult read_wg_quick(const std::string& name, const SourceText& file);

}  // namespace culvert::config
