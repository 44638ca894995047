// SPDX-License-Identifier: MIT
// One table of a configuration file, read key by key. A key that is missing leaves its value as it is; one that is
// wrong does so too and adds a finding with its place. At the end, what nobody asked for is an unknown key.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "load.hpp"
#include "schema.hpp"
#include "toml_text.hpp"
#include "toml_tree.hpp"
#include "values.hpp"

namespace culvert::config {

/// What all tables of one file share. borrowed: for one call of `read_toml`.
struct FileReading {
  std::string file;
  const SafeText& safe;
  const KeySources& keys;
  std::vector<Finding>& findings;
};

class TomlSection {
 public:
  enum class Required : std::uint8_t { yes, no };

  /// \param table   must be a table. borrowed: until this dies.
  /// \param prefix  before the keys in findings, such as "interface." or "peer[2].".
  TomlSection(const TomlValue& table, Section section, std::string prefix, FileReading& reading)
      : table_(table), section_(section), prefix_(std::move(prefix)), reading_(reading) {}

  /// nullptr: not there. Marks the key as known.
  const TomlEntry* find(std::string_view key);

  void flag(std::string_view key, bool& out);
  void text(std::string_view key, std::string& out);
  void texts(std::string_view key, std::vector<std::string>& out);
  void number(std::string_view key, std::uint32_t least, std::uint32_t most, std::optional<std::uint32_t>& out);
  /// From `key`, `key`_file or `key`_credential. False: none of them is there.
  bool secret(const std::string& key, std::span<std::uint8_t, 32> out);

  /// A text, or also a number or a date when `T`'s parser takes them as text.
  template <class T>
  void parsed(std::string_view key, T& out, Parsed<T> (*parse)(std::string_view));
  /// A list of texts, or one text.
  template <class T>
  void parsed_list(std::string_view key, std::vector<T>& out, Parsed<T> (*parse)(std::string_view));

  /// Adds a finding at this value.
  void refuse(const TomlEntry& entry, const TomlValue& value, std::string reason);
  void warn(const TomlEntry& entry, const TomlValue& value, std::string reason);
  /// Unknown keys become errors.
  void finish();

  [[nodiscard]] Place place() const { return {reading_.file, table_.line, table_.column}; }
  [[nodiscard]] FileReading& reading() noexcept { return reading_; }
  [[nodiscard]] const std::string& prefix() const noexcept { return prefix_; }

 private:
  Finding& add(const TomlEntry& entry, const TomlValue& value, std::string reason);
  void secret_from(const TomlEntry& entry, const KeySources::Source& source, bool is_path,
                   std::span<std::uint8_t, 32> out);
  template <class T>
  bool parse_one(const TomlEntry& entry, const TomlValue& value, T& out, Parsed<T> (*parse)(std::string_view));

  const TomlValue& table_;
  Section section_;
  std::string prefix_;
  FileReading& reading_;
  std::set<std::string, std::less<>> asked_;
};

template <class T>
bool TomlSection::parse_one(const TomlEntry& entry, const TomlValue& value, T& out,
                            Parsed<T> (*parse)(std::string_view)) {
  using Kind = TomlValue::Kind;
  if (value.kind != Kind::text && value.kind != Kind::integer && value.kind != Kind::time) {
    refuse(entry, value, std::string(value.kind_name()) + " can not stand here");
    return false;
  }
  Parsed<T> result = parse(value.kind == Kind::integer ? std::to_string(value.integer) : value.text);
  if (!result) {
    refuse(entry, value, result.error());
    return false;
  }
  out = std::move(*result);
  return true;
}

template <class T>
void TomlSection::parsed(std::string_view key, T& out, Parsed<T> (*parse)(std::string_view)) {
  if (const TomlEntry* entry = find(key)) parse_one(*entry, entry->value, out, parse);
}

template <class T>
void TomlSection::parsed_list(std::string_view key, std::vector<T>& out, Parsed<T> (*parse)(std::string_view)) {
  const TomlEntry* entry = find(key);
  if (entry == nullptr) return;
  const auto take = [&](const TomlValue& value) {
    T item{};
    if (parse_one(*entry, value, item, parse)) out.push_back(std::move(item));
  };
  if (entry->value.kind != TomlValue::Kind::array) return take(entry->value);
  for (const TomlValue& item : entry->value.items) take(item);
}

}  // namespace culvert::config
