// SPDX-License-Identifier: MIT
// The daemon's log: one line an event, each beginning with "(NAME) ". Called on the control thread only; lanes count.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include <culvert/time.hpp>

namespace culvert::daemon {

/// Of a line: how much it matters. Of the log: the last level that is written. `silent` is not a line's level.
enum class LogLevel : std::uint8_t { silent, error, verbose };

/// Where lines go. A seam for tests.
class LogSink {
 public:
  LogSink() = default;
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;
  virtual ~LogSink() = default;
  /// \param line  printable, without a newline.
  virtual void write(LogLevel level, std::string_view line) noexcept = 0;
};

/// Standard error, one system call a line.
[[nodiscard]] std::unique_ptr<LogSink> make_stderr_sink();
/// The system's log (syslog, and so the journal) as "culvertd[PID]".
[[nodiscard]] std::unique_ptr<LogSink> make_syslog_sink();

/// At most `kLines` lines of one kind in each `kInterval`.
class LineLimiter {
 public:
  static constexpr std::uint32_t kLines = 3;
  static constexpr Duration kInterval = std::chrono::seconds(1);

  struct Verdict {
    bool admitted = false;
    std::uint64_t suppressed_before = 0;  // lines of this kind held back since the last admitted one
  };
  /// \param kind  a short constant such as "bad_mac1": each distinct text is kept for good.
  [[nodiscard]] Verdict admit(std::string_view kind, Instant now);

 private:
  struct Kind {
    Instant interval_start{};
    std::uint32_t lines = 0;
    std::uint64_t suppressed = 0;
  };
  std::map<std::string, Kind, std::less<>> kinds_;
};

class Log {
 public:
  Log(std::string_view interface, LogLevel level, std::unique_ptr<LogSink> sink);

  void rename(std::string_view interface);
  /// Lines that follow go elsewhere: to the system's log once the daemon is detached.
  void redirect(std::unique_ptr<LogSink> sink) noexcept { sink_ = std::move(sink); }
  [[nodiscard]] bool enabled(LogLevel level) const noexcept { return level <= level_ && level != LogLevel::silent; }

  /// Control characters in `text` come out as '?', so that nobody outside can forge a line.
  void write(LogLevel level, std::string_view text);
  void error(std::string_view text) { write(LogLevel::error, text); }
  void verbose(std::string_view text) { write(LogLevel::verbose, text); }
  template <class... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(LogLevel::error)) write(LogLevel::error, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void verbose(fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(LogLevel::verbose)) write(LogLevel::verbose, fmt::format(format, std::forward<Args>(args)...));
  }

  /// A line of the other half, which begins with the interface's name already.
  void pass_on(LogLevel level, std::string_view line);

  /// A line that others can provoke: only a few a second of its kind, then "suppressed N more" before the next.
  void limited(std::string_view kind, Instant now, LogLevel level, std::string_view text);

 private:
  std::string prefix_;
  LogLevel level_;
  std::unique_ptr<LogSink> sink_;
  LineLimiter limiter_;
};

}  // namespace culvert::daemon
