// SPDX-License-Identifier: MIT
#include "toml_tree.hpp"

// Debian builds the library with exceptions; a program has to say the same to find its symbols.
#define TOML_EXCEPTIONS 1
#include <algorithm>
#include <sstream>

#include <toml++/toml.h>

#include "values.hpp"

namespace culvert::config {
namespace {

TomlValue::Kind kind_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return TomlValue::Kind::table;
    case toml::node_type::array:
      return TomlValue::Kind::array;
    case toml::node_type::integer:
      return TomlValue::Kind::integer;
    case toml::node_type::floating_point:
      return TomlValue::Kind::floating;
    case toml::node_type::boolean:
      return TomlValue::Kind::boolean;
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
      return TomlValue::Kind::time;
    case toml::node_type::none:
    case toml::node_type::string:
      return TomlValue::Kind::text;
  }
  return TomlValue::Kind::text;
}

template <class T>
std::string written(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

/// Recursion is bounded: 256 nested values by the library, 8 parts of a key by `make_safe`.
TomlValue converted(const toml::node& node) {
  TomlValue out;
  out.kind = kind_of(node);
  out.line = node.source().begin.line;
  out.column = node.source().begin.column;
  out.last_line = node.source().end.line;
  if (const auto* text = node.as_string()) out.text = text->get();
  if (const auto* integer = node.as_integer()) out.integer = integer->get();
  if (const auto* floating = node.as_floating_point()) out.text = written(floating->get());
  if (const auto* boolean = node.as_boolean()) out.boolean = boolean->get();
  if (const auto* date = node.as_date()) out.text = written(date->get());
  if (const auto* time = node.as_time()) out.text = written(time->get());
  if (const auto* date_time = node.as_date_time()) out.text = written(date_time->get());
  if (const auto* array = node.as_array())
    for (const toml::node& item : *array) out.items.push_back(converted(item));
  if (const auto* table = node.as_table()) {
    for (const auto& [key, value] : *table)
      out.entries.push_back(
          {std::string(key.str()), key.source().begin.line, key.source().begin.column, converted(value)});
    // The library sorts by key; people read from the top.
    std::sort(out.entries.begin(), out.entries.end(), [](const TomlEntry& a, const TomlEntry& b) {
      return std::pair(a.line, a.column) < std::pair(b.line, b.column);
    });
  }
  return out;
}

/// Where newcomers fall, in our words. `%`: what the library quotes, if it quotes anything.
struct Advice {
  std::string_view library;  // a part of its sentence
  std::string_view words;
};
constexpr Advice kAdvice[] = {
    {"invalid utf-8", "not UTF-8; save the file as UTF-8, without letters of another encoding"},
    {"parsing date", "not a date that exists; write 2026-12-31 or 2026-12-31T18:00:00Z"},
    {"parsing time", "not a time that exists; write 2026-12-31 or 2026-12-31T18:00:00Z"},
    {"array: expected comma or closing", "a list goes on with ',' or ends with ']'"},
    {"unescaped control characters", "a text without its closing quote, or with a control character"},
    {"key-value pair: expected '='", "a key without '='; write KEY = VALUE"},
    {"expected value, saw '\\n'", "the value is missing; write KEY = VALUE"},
    {"key-value pair: encountered end-of-file", "the value is missing; write KEY = VALUE"},
    {"could not determine value type",
     "not a value; texts, addresses and keys stand in \"quotes\", switches are true or false"},
    {"expected decimal digit", "not a number; texts, addresses and keys stand in \"quotes\""},
    {"expected digit, saw", "not a number; texts, addresses and keys stand in \"quotes\""},
    {"as array-of-tables", "[peer] came before; write [[peer]] in double brackets for each peer"},
    {"cannot redefine existing table", "the section % came before; put all its keys into one"},
    {"cannot redefine existing", "the key % came before in this section; keep one of them"},
    {"table header: expected ']'", "the header's bracket is not closed; write [SECTION]"},
};

/// What the library says, in words that help.
std::string advice(std::string_view description) {
  for (const Advice& one : kAdvice) {
    if (description.find(one.library) == std::string_view::npos) continue;
    std::string words(one.words);
    const std::size_t from = description.find('\''), to = description.rfind('\'');
    if (const std::size_t at = words.find('%'); at != std::string::npos && from < to)
      words.replace(at, 1, printable_key(description.substr(from + 1, to - from - 1)));
    return words;
  }
  constexpr std::string_view kPrefix = "Error while parsing ";
  if (description.starts_with(kPrefix)) description.remove_prefix(kPrefix.size());
  return "not TOML: " + excerpt(description);
}

}  // namespace

std::string TomlValue::shown() const {
  switch (kind) {
    case Kind::text:
      return '"' + excerpt(text) + '"';
    case Kind::integer:
      return std::to_string(integer);
    case Kind::boolean:
      return boolean ? "true" : "false";
    case Kind::floating:
    case Kind::time:
      return text;
    case Kind::array:
    case Kind::table:
      return {};
  }
  return {};
}

std::string_view TomlValue::kind_name() const noexcept {
  switch (kind) {
    case Kind::text:
      return "a text";
    case Kind::integer:
      return "a number";
    case Kind::boolean:
      return "a switch";
    case Kind::floating:
      return "a number with a fraction";
    case Kind::time:
      return "a date or time";
    case Kind::array:
      return "a list";
    case Kind::table:
      return "a table";
  }
  return {};
}

Result<TomlValue, Finding> parse_toml(const SafeText& safe, std::string_view file) {
  try {
    return converted(toml::parse(std::string_view(safe.text)));
  } catch (const toml::parse_error& error) {
    Finding finding;
    finding.place = {std::string(file), error.source().begin.line, error.source().begin.column};
    finding.reason = advice(error.description());
    return Err{std::move(finding)};
  }
}

}  // namespace culvert::config
