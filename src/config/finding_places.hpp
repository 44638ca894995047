// SPDX-License-Identifier: MIT
// The checks look at values and know no lines; people look for lines. Here a finding of theirs gets the place, and in a
// wg-quick file the name, of the key that it speaks of. What stands nowhere, such as a key that is missing, gets the
// place of its section, if that is there.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "config.hpp"
#include "toml_tree.hpp"

namespace culvert::config {

struct TomlFile {
  std::string file;
  TomlValue root;  // without secrets
};

void locate(Finding& finding, std::span<const TomlFile> files);

/// A value of a wg-quick file, or one item of a list.
struct WgQuickValue {
  std::string section;             // "Interface." or "Peer[2]."
  std::uint32_t section_line = 0;  // of the header
  std::string key;                 // as written
  std::string value;               // empty for secrets
  Place place;
};

void locate(Finding& finding, std::span<const WgQuickValue> values);

}  // namespace culvert::config
