// SPDX-License-Identifier: MIT
// From tables to the model: which key fills which field, and the rules that a single value has to keep.
#pragma once

#include "toml_section.hpp"

namespace culvert::config {

/// All sections but the peers, of the main file.
void read_sections(const TomlValue& root, FileReading& reading, Config& out);
/// One peer's table. Its name may stay empty.
void read_peer(const TomlValue& table, std::string prefix, FileReading& reading, PeerConfig& out);

}  // namespace culvert::config
