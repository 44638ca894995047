// SPDX-License-Identifier: MIT
// A parsed TOML text as plain values with places. The one source of this header is the only one that sees toml++, which
// is slow to compile and whose exceptions end there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <culvert/result.hpp>

#include "config.hpp"
#include "toml_text.hpp"

namespace culvert::config {

struct TomlEntry;

struct TomlValue {
  enum class Kind : std::uint8_t { text, integer, floating, boolean, time, array, table };

  Kind kind = Kind::text;
  std::uint32_t line = 0, column = 0;
  std::uint32_t last_line = 0;  // of a value; a table that has a header ends with its last value
  bool boolean = false;
  std::int64_t integer = 0;
  std::string text;                // of a text; of a time as RFC 3339 writes it
  std::vector<TomlValue> items;    // of an array
  std::vector<TomlEntry> entries;  // of a table, in the order of their keys' places

  /// As a message shows it: quoted, shortened; "" for arrays and tables.
  [[nodiscard]] std::string shown() const;
  /// "a number", "a table": what it is, for a message.
  [[nodiscard]] std::string_view kind_name() const noexcept;
};

struct TomlEntry {
  std::string key;
  std::uint32_t line = 0, column = 0;  // of the key
  TomlValue value;
};

/// \param file  for the place of the finding.
/// \returns the root table, or the first violation of TOML's grammar.
[[nodiscard]] Result<TomlValue, Finding> parse_toml(const SafeText& safe, std::string_view file);

}  // namespace culvert::config
