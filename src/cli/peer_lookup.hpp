// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "config.hpp"
#include "locate.hpp"
#include "unique_fd.hpp"

namespace culvert::cli {

/// Keeps two commands from changing the files of one interface at the same time.
/// \throws Failure when the configuration's file cannot be opened.
[[nodiscard]] io::UniqueFd lock_config(const Located& located);

/// By name, or by public key. borrowed: until the configuration changes.
/// \throws Failure with the nearest name when there is none.
[[nodiscard]] const config::PeerConfig& find_peer(const config::Config& config, const std::string& name_or_key);

}  // namespace culvert::cli
