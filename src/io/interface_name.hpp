// SPDX-License-Identifier: MIT
// What a network interface may be called. Its name is also part of the names of files and of settings.
#pragma once

#include <algorithm>
#include <string_view>

namespace culvert::io {

/// For people.
inline constexpr std::string_view kInterfaceNameRule =
    "1 to 15 of a-z A-Z 0-9 _ = + . -, but not \"all\" or \"default\"";

/// 1 to 15 of [a-zA-Z0-9_=+.-], as wg-quick takes it. Neither "." nor "..", which are folders, nor "all" and "default",
/// which the kernel keeps for its own settings [K net/core/sysctl_net_core.c, net/ipv4/devinet.c].
[[nodiscard]] constexpr bool is_interface_name(std::string_view name) noexcept {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_=+.-").find(c) != std::string_view::npos;
  };
  return !name.empty() && name.size() <= 15 && name != "." && name != ".." && name != "all" && name != "default" &&
         std::ranges::all_of(name, is_allowed);
}

}  // namespace culvert::io
