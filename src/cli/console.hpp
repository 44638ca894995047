// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace culvert::cli {

/// Where a verb speaks to a person or a script; tests put strings behind it.
struct Console {
  /// Results: standard output, written through at once. \throws ReaderGone, or Failure: not all could be written.
  std::function<void(std::string_view)> out;
  std::function<void(std::string_view)> err;  // everything else
  /// All of standard input, at most `limit` octets. nullopt: there was more.
  std::function<std::optional<std::string>(std::size_t limit)> read_all;
  /// Shows a question on standard error and reads one line without its end. nullopt: standard input has ended.
  std::function<std::optional<std::string>(std::string_view question)> ask;

  enum class Kind : std::uint8_t { terminal, other } input = Kind::other, output = Kind::other;
  enum class Colours : std::uint8_t { none, ansi } colours = Colours::none, error_colours = Colours::none;
  std::size_t columns = 80;  // of the terminal
};

/// The process's own streams. Colours as WG_COLOR_MODE says (always, never, auto), and never with NO_COLOR set.
[[nodiscard]] Console process_console();

/// Asks until `accept` is content (it returns nullopt), showing its complaint. An empty answer means `preset`.
/// \throws Failure when the input ends before.
[[nodiscard]] std::string ask_until(const Console& console, std::string_view question, std::string_view preset,
                                    const std::function<std::optional<std::string>(const std::string&)>& accept);

}  // namespace culvert::cli
