// SPDX-License-Identifier: MIT
// A configuration as TOML text: stable, readable, and such that reading it gives the same configuration. What has its
// default value is left out. Pure; any thread.
#pragma once

#include "config.hpp"
#include "secret_text.hpp"

namespace culvert::config {

using control::SecretText;

/// The whole of it, peers as `[[peer]]` tables.
[[nodiscard]] SecretText to_toml(const Config& config);
/// One peer without a header: the content of a file in NAME.d.
[[nodiscard]] SecretText to_toml(const PeerConfig& peer);
/// One peer as a `[[peer]]` table.
[[nodiscard]] SecretText to_toml_table(const PeerConfig& peer);

/// A text in quotes, with what must be escaped. Octets that are not UTF-8 become U+FFFD, since TOML has no others.
[[nodiscard]] std::string quoted(std::string_view text);

}  // namespace culvert::config
