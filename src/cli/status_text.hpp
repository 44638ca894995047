// SPDX-License-Identifier: MIT
// The status as a person reads it, and under the names of WireGuard's own JSON.
#pragma once

#include <string>
#include <vector>

#include "console.hpp"
#include "status_document.hpp"

namespace culvert::cli {

/// In the order and words of `wg show`, with names and plain states: the peer heard last comes first.
[[nodiscard]] std::string status_text(const InterfaceStatus& status, std::int64_t now_unix, Console::Colours colours);

/// One object with a member for each interface, as `wg show all` becomes with wg's contrib JSON; no secret is in it.
/// Adds, for each peer, "name" and "state".
[[nodiscard]] std::string status_json(const std::vector<InterfaceStatus>& interfaces, std::int64_t now_unix);

}  // namespace culvert::cli
