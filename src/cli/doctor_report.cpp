// SPDX-License-Identifier: MIT
#include "doctor_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "table.hpp"

namespace culvert::cli {
namespace {

using Grade = DoctorCheck::Grade;

constexpr std::size_t kTopicColumns = 15;  // "configuration" and a gap
constexpr std::size_t kIndent = 4 + kTopicColumns;
constexpr std::size_t kLeastColumns = 20;  // for a sentence, however narrow the terminal

std::string_view word(Grade grade) noexcept {
  switch (grade) {
    case Grade::good:
      return "good";
    case Grade::note:
      return "note";
    case Grade::warning:
      return "warning";
    case Grade::failure:
      return "failure";
  }
  return "";
}

std::string_view sign(Grade grade) noexcept {
  switch (grade) {
    case Grade::good:
      return "✓";
    case Grade::note:
      return "·";
    case Grade::warning:
      return "!";
    case Grade::failure:
      return "✗";
  }
  return "";
}

std::string_view colour(Grade grade) noexcept {
  switch (grade) {
    case Grade::good:
      return "32";
    case Grade::note:
      return "36";
    case Grade::warning:
      return "33";
    case Grade::failure:
      return "31";
  }
  return "";
}

/// Breaks at spaces; lines but the first begin with the indent.
std::string broken(std::string_view text, std::size_t columns, std::size_t indent) {
  if (columns == 0) return std::string(text);
  const std::size_t most = std::max(columns, indent + kLeastColumns) - indent;
  std::string result;
  std::size_t used = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view next = text.substr(0, end);
    const std::size_t width = columns_of(next);
    if (used != 0 && used + 1 + width > most) {
      result += '\n' + std::string(indent, ' ');
      used = 0;
    } else if (used != 0) {
      result += ' ';
      ++used;
    }
    result += next;
    used += width;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

}  // namespace

void Diagnosis::add(DoctorCheck check) {
  check.section = section_;
  checks_.push_back(std::move(check));
  if (listener_.found) listener_.found(checks_.back());
}

void Diagnosis::doing(std::string_view what) const {
  if (listener_.doing) listener_.doing(what);
}

std::size_t Diagnosis::failures() const noexcept {
  return static_cast<std::size_t>(
      std::count_if(checks_.begin(), checks_.end(), [](const auto& check) { return check.grade == Grade::failure; }));
}

std::string DoctorText::line(const DoctorCheck& check) {
  const auto paint = [&](std::string_view code, std::string_view text) {
    return colours_ == Console::Colours::none ? std::string(text) : fmt::format("\x1b[{}m{}\x1b[0m", code, text);
  };
  std::string text;
  if (check.section != section_) {
    text += fmt::format("{}{}\n", section_.empty() ? "" : "\n", paint("1", check.section));
    section_ = check.section;
  }
  const std::size_t topic_columns = columns_of(check.topic);
  text += fmt::format("  {} {}{}{}\n", paint(colour(check.grade), sign(check.grade)), paint("2", check.topic),
                      std::string(topic_columns < kTopicColumns ? kTopicColumns - topic_columns : 1, ' '),
                      broken(check.finding, columns_, kIndent));
  if (check.mend.empty()) return text;
  // A command stays whole, so that it can be copied; it has no full stop.
  const std::size_t columns = check.mend.ends_with('.') ? columns_ : 0;
  return text + fmt::format("{}{} {}\n", std::string(kIndent, ' '), paint(colour(check.grade), "→"),
                            broken(check.mend, columns, kIndent + 2));
}

std::string DoctorText::doing(std::string_view what) const {
  if (colours_ == Console::Colours::none) return fmt::format("    {} ...", what);
  return fmt::format("    \x1b[2m{} ...\x1b[0m", what);
}

std::string diagnosis_json(const std::string& interface, const Diagnosis& diagnosis) {
  nlohmann::ordered_json json{{"interface", interface}, {"checks", nlohmann::ordered_json::array()}};
  for (const DoctorCheck& check : diagnosis.checks()) {
    nlohmann::ordered_json entry{
        {"section", check.section}, {"topic", check.topic}, {"grade", word(check.grade)}, {"finding", check.finding}};
    if (!check.mend.empty()) entry["mend"] = check.mend;
    json["checks"].push_back(std::move(entry));
  }
  json["failures"] = diagnosis.failures();
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace culvert::cli
