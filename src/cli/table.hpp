// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace culvert::cli {

/// Rows of text in columns, each as wide as its widest cell, two spaces between; the last column is not padded.
class Table {
 public:
  using Row = std::vector<std::string>;

  explicit Table(Row heading);
  /// \param row  as many cells as the heading has.
  void add(Row row);
  /// Heading and rows, a line each, or nothing at all without a row.
  [[nodiscard]] std::string text() const;

 private:
  std::vector<Row> rows_;
};

/// Columns that UTF-8 text takes on a terminal, at one a code point (enough for names and our own signs).
[[nodiscard]] std::size_t columns_of(std::string_view text) noexcept;

}  // namespace culvert::cli
