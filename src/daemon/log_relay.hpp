// SPDX-License-Identifier: MIT
// The packet half has no log of its own: it writes lines to a pipe, each behind a mark of its level ("<3>" error, "<6>"
// verbose, as the journal reads them), and the host half passes them on. What has no mark, such as the last words of a
// crash, counts as an error.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <culvert/time.hpp>

#include "log.hpp"

namespace culvert::daemon {

/// Standard error of the packet half. A line that the pipe has no room for is lost.
[[nodiscard]] std::unique_ptr<LogSink> make_pipe_sink();

/// Cuts what comes out of the pipe into lines. A packet half that was taken over may write without pause, so each call
/// reads only so much, and only so many lines are passed on; how many were left out is told later.
class LogRelay {
 public:
  static constexpr std::size_t kMaxLineOctets = 4096;    // a longer line comes out in pieces
  static constexpr std::size_t kMaxDrainOctets = 65536;  // of one call: what a pipe holds, unless somebody enlarges it
  static constexpr std::uint32_t kMaxLines = 1000;       // in each `kInterval`
  static constexpr Duration kInterval = std::chrono::seconds(10);

  explicit LogRelay(Log& log) noexcept : log_(log) {}
  enum class Pipe : std::uint8_t { open, closed };
  /// Reads what waits, `kMaxDrainOctets` at most. borrowed: `fd`, which must not block.
  /// \returns closed: nothing more will come, and the pipe would seem readable for ever.
  Pipe drain(int fd, Instant now);
  void feed(std::string_view octets, Instant now);
  /// What came without an end of line is passed on as well, and what was left out is told.
  void finish(Instant now);

 private:
  void end_line(Instant now);
  void pass_on(LogLevel level, std::string_view line, Instant now);
  void tell_left_out();

  Log& log_;
  std::string unfinished_;
  Instant interval_start_{};
  std::uint32_t lines_ = 0;  // passed on in this interval
  std::uint64_t left_out_ = 0;
};

}  // namespace culvert::daemon
