// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace culvert::control {

/// Writes the Prometheus text format: a family's two comment lines, then its samples.
class MetricsText {
 public:
  enum class Type : std::uint8_t { counter, gauge, histogram };
  struct Label {
    std::string_view name;
    std::string_view value;
  };
  using Labels = std::initializer_list<Label>;

  void family(std::string_view name, Type type, std::string_view help);
  void sample(std::string_view name, Labels labels, std::uint64_t value);
  void sample(std::string_view name, Labels labels, double value);

  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  void begin(std::string_view name, Labels labels);

  std::string text_;
};

}  // namespace culvert::control
