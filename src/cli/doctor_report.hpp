// SPDX-License-Identifier: MIT
// What the doctor finds, and how it is told: the lines of the diagnosis as values, as text and as JSON. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "console.hpp"

namespace culvert::cli {

/// One line of the diagnosis.
struct DoctorCheck {
  enum class Grade : std::uint8_t { good, note, warning, failure } grade = Grade::good;
  std::string topic;         // one word: "link", "handshake"
  std::string finding;       // one sentence
  std::string mend;          // the command or key that mends it; empty where nothing is to be mended
  std::string section = {};  // the interface, a peer's name, "names": set by `Diagnosis`
};

/// The checks that were made, in their order. Each is shown as it is made.
class Diagnosis {
 public:
  /// Either may be empty.
  struct Listener {
    std::function<void(const DoctorCheck&)> found;
    std::function<void(std::string_view)> doing;
  };

  Diagnosis() = default;
  explicit Diagnosis(Listener listener) : listener_(std::move(listener)) {}

  /// What follows belongs to this section.
  void begin(std::string section) { section_ = std::move(section); }
  void add(DoctorCheck check);
  /// Something takes a while: "measuring what passes".
  void doing(std::string_view what) const;

  [[nodiscard]] const std::vector<DoctorCheck>& checks() const noexcept { return checks_; }
  [[nodiscard]] std::size_t failures() const noexcept;

 private:
  Listener listener_;
  std::string section_;
  std::vector<DoctorCheck> checks_;
};

/// Lines for a person, one check after the other.
class DoctorText {
 public:
  /// \param columns  at which sentences are broken; 0: nowhere
  DoctorText(Console::Colours colours, std::size_t columns) : colours_(colours), columns_(columns) {}

  /// The section's name where it changes, the finding, and what mends it.
  [[nodiscard]] std::string line(const DoctorCheck& check);
  /// What is being done, in place of the line where the cursor is: to be wiped by `wipe`.
  [[nodiscard]] std::string doing(std::string_view what) const;
  [[nodiscard]] static std::string_view wipe() noexcept { return "\r\x1b[K"; }

 private:
  Console::Colours colours_;
  std::size_t columns_;
  std::string section_;
};

/// {"interface":...,"checks":[{"section","topic","grade","finding","mend"}],"failures":N}
[[nodiscard]] std::string diagnosis_json(const std::string& interface, const Diagnosis& diagnosis);

}  // namespace culvert::cli
