// SPDX-License-Identifier: MIT
#include "toml_section.hpp"

namespace culvert::config {
namespace {

/// Relative names are relative to the file that has them.
std::string beside(const std::string& file, const std::string& name) {
  if (name.starts_with('/')) return name;
  const std::size_t slash = file.rfind('/');
  return slash == std::string::npos ? name : file.substr(0, slash + 1) + name;
}

std::string_view key_text(const SecretText& text) {
  std::string_view view = trimmed({text.data(), text.size()});
  while (view.ends_with('\n')) view = trimmed(view.substr(0, view.size() - 1));
  return view;
}

Parsed<std::string> parse_any_text(std::string_view text) { return std::string(text); }

}  // namespace

const TomlEntry* TomlSection::find(std::string_view key) {
  asked_.emplace(key);
  const auto it = std::find_if(table_.entries.begin(), table_.entries.end(),
                               [key](const TomlEntry& entry) { return entry.key == key; });
  return it == table_.entries.end() ? nullptr : &*it;
}

Finding& TomlSection::add(const TomlEntry& entry, const TomlValue& value, std::string reason) {
  Finding& finding = reading_.findings.emplace_back();
  finding.place = {reading_.file, value.line, value.column};
  finding.key = prefix_ + printable_key(entry.key);
  if (!is_secret_key(entry.key)) finding.value = value.shown();
  finding.reason = std::move(reason);
  return finding;
}

void TomlSection::refuse(const TomlEntry& entry, const TomlValue& value, std::string reason) {
  add(entry, value, std::move(reason));
}

void TomlSection::warn(const TomlEntry& entry, const TomlValue& value, std::string reason) {
  add(entry, value, std::move(reason)).grade = Finding::Grade::warning;
}

void TomlSection::flag(std::string_view key, bool& out) {
  const TomlEntry* entry = find(key);
  if (entry == nullptr) return;
  if (entry->value.kind == TomlValue::Kind::boolean)
    out = entry->value.boolean;
  else
    refuse(*entry, entry->value, "a switch is true or false, without quotes");
}

void TomlSection::text(std::string_view key, std::string& out) {
  const TomlEntry* entry = find(key);
  if (entry == nullptr) return;
  if (entry->value.kind != TomlValue::Kind::text)
    refuse(*entry, entry->value, std::string(entry->value.kind_name()) + " where a text in quotes is wanted");
  else
    out = entry->value.text;
}

void TomlSection::texts(std::string_view key, std::vector<std::string>& out) { parsed_list(key, out, parse_any_text); }

void TomlSection::number(std::string_view key, std::uint32_t least, std::uint32_t most,
                         std::optional<std::uint32_t>& out) {
  const TomlEntry* entry = find(key);
  if (entry == nullptr) return;
  const TomlValue& value = entry->value;
  if (value.kind != TomlValue::Kind::integer || value.integer < least || value.integer > most)
    return refuse(
        *entry, value,
        (value.kind == TomlValue::Kind::text ? "a number stands without quotes, from " : "not a number from ") +
            std::to_string(least) + " to " + std::to_string(most));
  out = static_cast<std::uint32_t>(value.integer);
}

bool TomlSection::secret(const std::string& key, std::span<std::uint8_t, 32> out) {
  const TomlEntry* inside = find(key);
  const TomlEntry* file = find(key + "_file");
  const TomlEntry* credential = find(key + "_credential");
  const TomlEntry* forms[] = {inside, file, credential};
  const TomlEntry* given = nullptr;
  for (const TomlEntry* form : forms) {
    if (form == nullptr) continue;
    if (given != nullptr) {
      refuse(*form, form->value, "the key is given by " + given->key + " already; keep one of them");
      return true;
    }
    given = form;
  }
  if (given == nullptr) return false;
  if (given->value.kind != TomlValue::Kind::text) {
    refuse(*given, given->value, std::string(given->value.kind_name()) + " where a text in quotes is wanted");
  } else if (given == file) {
    secret_from(*given, reading_.keys.file, true, out);
  } else if (given == credential) {
    secret_from(*given, reading_.keys.credential, false, out);
  } else {
    const auto it = reading_.safe.secrets.find({given->value.line, given->value.column});
    const std::string_view text = it == reading_.safe.secrets.end() ? std::string_view() : key_text(it->second);
    const auto parsed = parse_secret(text, out);
    if (!parsed) refuse(*given, given->value, parsed.error());
  }
  return true;
}

void TomlSection::secret_from(const TomlEntry& entry, const KeySources::Source& source, bool is_path,
                              std::span<std::uint8_t, 32> out) {
  const auto text = source(is_path ? beside(reading_.file, entry.value.text) : entry.value.text);
  if (!text) return refuse(entry, entry.value, text.error());
  const auto parsed = parse_secret(key_text(*text), out);
  if (!parsed) refuse(entry, entry.value, "what it holds is " + parsed.error());
}

void TomlSection::finish() {
  for (const TomlEntry& entry : table_.entries) {
    if (asked_.contains(entry.key)) continue;
    Finding& finding = reading_.findings.emplace_back();
    finding.place = {reading_.file, entry.line, entry.column};
    finding.key = prefix_ + printable_key(entry.key);
    finding.reason = unknown_key_advice(section_, entry.key);
  }
}

}  // namespace culvert::config
