// SPDX-License-Identifier: MIT
#include "metrics_text.hpp"

#include <fmt/format.h>

namespace culvert::control {
namespace {

std::string_view word(MetricsText::Type type) noexcept {
  switch (type) {
    case MetricsText::Type::counter:
      return "counter";
    case MetricsText::Type::gauge:
      return "gauge";
    case MetricsText::Type::histogram:
      return "histogram";
  }
  return "untyped";
}

void append_escaped(std::string& text, std::string_view value) {
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n')
      text += "\\n";
    else
      text += c;
  }
}

}  // namespace

void MetricsText::family(std::string_view name, Type type, std::string_view help) {
  text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, word(type));
}

void MetricsText::begin(std::string_view name, Labels labels) {
  text_ += name;
  char before = '{';
  for (const Label& label : labels) {
    text_ += before;
    before = ',';
    text_ += label.name;
    text_ += "=\"";
    append_escaped(text_, label.value);
    text_ += '"';
  }
  text_ += labels.size() == 0 ? " " : "} ";
}

void MetricsText::sample(std::string_view name, Labels labels, std::uint64_t value) {
  begin(name, labels);
  text_ += fmt::format("{}\n", value);
}

void MetricsText::sample(std::string_view name, Labels labels, double value) {
  begin(name, labels);
  text_ += fmt::format("{}\n", value);
}

}  // namespace culvert::control
