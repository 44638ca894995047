// SPDX-License-Identifier: MIT
// The packet half has no log of its own: it writes lines to a pipe, each behind a mark of its level ("<3>" error, "<6>"
// verbose, as the journal reads them), and the host half passes them on. What has no mark, such as the last words of a
// crash, counts as an error.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "log.hpp"

namespace culvert::daemon {

/// Standard error of the packet half. A line that the pipe has no room for is lost.
[[nodiscard]] std::unique_ptr<LogSink> make_pipe_sink();

/// Cuts what comes out of the pipe into lines.
class LogRelay {
 public:
  static constexpr std::size_t kMaxLineOctets = 4096;  // a longer line comes out in pieces

  explicit LogRelay(Log& log) noexcept : log_(log) {}
  /// Reads until nothing more waits. borrowed: `fd`, which must not block.
  void drain(int fd);
  void feed(std::string_view octets);
  /// What came without an end of line is passed on as well.
  void finish();

 private:
  void pass_on(std::string_view line);

  Log& log_;
  std::string unfinished_;
};

}  // namespace culvert::daemon
