// SPDX-License-Identifier: MIT
#include "finding_places.hpp"

#include <algorithm>
#include <utility>

#include "schema.hpp"
#include "values.hpp"

namespace culvert::config {
namespace {

/// What a check calls a key: "interface.mtu" or "peer alice: allowed_ips".
struct CheckedKey {
  std::string_view section;  // empty: a peer's
  std::string_view key;      // empty: the peer as a whole

  explicit CheckedKey(const Finding& finding) {
    const std::string_view whole = finding.key;
    if (finding.place.line != 0) {
      const std::size_t colon = whole.rfind(": ");
      if (colon != std::string_view::npos) key = whole.substr(colon + 2);
    } else if (const std::size_t dot = whole.find('.'); dot != std::string_view::npos) {
      section = whole.substr(0, dot);
      key = whole.substr(dot + 1);
    }
  }
};

const TomlEntry* entry_of(const TomlValue& table, std::string_view key) {
  const auto it = std::find_if(table.entries.begin(), table.entries.end(),
                               [key](const TomlEntry& entry) { return entry.key == key; });
  return it == table.entries.end() ? nullptr : &*it;
}

/// The table of the peer that begins where `place` says: one of several in a file, or all of a file.
const TomlValue* peer_at(const TomlValue& root, const Place& place) {
  const TomlEntry* peers = entry_of(root, section_name(Section::peer));
  if (peers == nullptr) return &root;
  const auto it = std::find_if(peers->value.items.begin(), peers->value.items.end(), [&](const TomlValue& table) {
    return table.line == place.line && table.column == place.column;
  });
  return it == peers->value.items.end() ? nullptr : &*it;
}

/// How well what was written fits the value that a check speaks of: 10.0.0.7/24 was taken as 10.0.0.0/24, but if that
/// is there as well, it is meant.
unsigned fit(std::string_view written, std::string_view value) {
  if (written == value) return 3;
  const auto prefix = parse_network(written);
  if (!prefix) return 0;
  if (to_string(*prefix) == value) return 2;
  return to_string(masked(*prefix)) == value ? 1 : 0;
}

const TomlValue& item_of(const TomlValue& list, std::string_view value) {
  const TomlValue* best = &list;
  unsigned fits = 0;
  for (const TomlValue& item : list.items) {
    const unsigned now = fit(item.text, value);
    if (now > std::exchange(fits, std::max(fits, now))) best = &item;
  }
  return *best;
}

/// "allowed_ips" and "AllowedIPs" as one word.
std::string normal(std::string_view key) {
  std::string out;
  for (const char c : key)
    if (c != '_') out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (out == "addresses") return "address";
  return out == "servers" ? "dns" : out;
}

}  // namespace

void locate(Finding& finding, std::span<const TomlFile> files) {
  const CheckedKey wanted(finding);
  const auto file =
      std::find_if(files.begin(), files.end(), [&](const TomlFile& one) { return one.file == finding.place.file; });
  if (file == files.end() || wanted.key.empty()) return;
  const TomlValue* table = nullptr;
  if (wanted.section.empty()) {
    table = peer_at(file->root, finding.place);
  } else if (const TomlEntry* section = entry_of(file->root, wanted.section)) {
    table = &section->value;
    finding.place.line = section->line;
    finding.place.column = section->column;
  }
  if (table == nullptr) return;
  const TomlEntry* entry = entry_of(*table, wanted.key);
  if (entry == nullptr) return;
  const TomlValue& value = item_of(entry->value, finding.value);
  finding.place.line = value.line;
  finding.place.column = value.column;
}

void locate(Finding& finding, std::span<const WgQuickValue> values) {
  const CheckedKey wanted(finding);
  const std::string key = normal(wanted.key);
  const WgQuickValue* found = nullptr;
  unsigned fits = 0;
  for (const WgQuickValue& one : values) {
    const bool here =
        wanted.section.empty() ? one.section_line == finding.place.line : one.section.starts_with("Interface");
    if (!here || normal(one.key) != key) continue;
    const unsigned now = fit(one.value, finding.value);
    if (found == nullptr || now > fits) found = &one;
    fits = std::max(fits, now);
  }
  if (found == nullptr) return;
  finding.place = found->place;
  finding.key = found->section + found->key;
}

}  // namespace culvert::config
