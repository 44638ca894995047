// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "config.hpp"

namespace culvert::cli {

/// By name, or by public key. borrowed: until the configuration changes.
/// \throws Failure with the nearest name when there is none.
[[nodiscard]] const config::PeerConfig& find_peer(const config::Config& config, const std::string& name_or_key);

}  // namespace culvert::cli
