// SPDX-License-Identifier: MIT
#pragma once

#include <termios.h>

#include <chrono>
#include <string_view>

#include <culvert/time.hpp>

#include "console.hpp"

namespace culvert::cli {

/// The terminal as a screen that is drawn anew again and again. Whatever way a verb ends (q, ^C, SIGTERM, a failure),
/// the terminal is afterwards what it was before. One at a time in a process.
class Screen {
 public:
  /// \throws Failure `usage` when standard output is no terminal.
  explicit Screen(const Console& console);
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  ~Screen();

  void draw(std::string_view text);
  /// Columns and lines at this moment.
  struct Size {
    std::size_t columns = 80, lines = 24;
  };
  [[nodiscard]] Size size() const noexcept;
  enum class Wish : std::uint8_t { go_on, end };
  /// Waits for the time to pass, for a key, or for a signal.
  [[nodiscard]] Wish wait(std::chrono::milliseconds time);

 private:
  const Console& console_;
  termios before_{};
  Console::Kind input_;
};

/// CLOCK_BOOTTIME, for rates.
[[nodiscard]] Instant monotonic_now() noexcept;
/// Seconds since 1970.
[[nodiscard]] std::int64_t unix_now() noexcept;

}  // namespace culvert::cli
