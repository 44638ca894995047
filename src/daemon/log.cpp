// SPDX-License-Identifier: MIT
#include "log.hpp"

#include <sys/stat.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <culvert/printable.hpp>

namespace culvert::daemon {
namespace {

/// Whether standard error goes to systemd's journal, which says so by the file's numbers.
bool writes_to_journal() {
  const char* const stream = std::getenv("JOURNAL_STREAM");
  struct stat file {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &file) != 0) return false;
  return fmt::format("{}:{}", file.st_dev, file.st_ino) == stream;
}

class StderrSink final : public LogSink {
 public:
  void write(LogLevel level, std::string_view line) noexcept override {
    // One call, so that lines of several processes do not mix. A log that cannot be written is nobody's error.
    line_.assign(!to_journal_ ? "" : level == LogLevel::error ? SD_ERR : SD_INFO);
    line_.append(line);
    line_ += '\n';
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line_.data(), line_.size());
  }

 private:
  const bool to_journal_ = writes_to_journal();
  std::string line_;
};

class SyslogSink final : public LogSink {
 public:
  SyslogSink() { ::openlog("culvertd", LOG_PID | LOG_NDELAY, LOG_DAEMON); }
  ~SyslogSink() override { ::closelog(); }
  void write(LogLevel level, std::string_view line) noexcept override {
    const int priority = level == LogLevel::error ? LOG_ERR : LOG_INFO;
    ::syslog(priority, "%.*s", static_cast<int>(std::min<std::size_t>(line.size(), 4096)), line.data());
  }
};

}  // namespace

std::unique_ptr<LogSink> make_stderr_sink() { return std::make_unique<StderrSink>(); }
std::unique_ptr<LogSink> make_syslog_sink() { return std::make_unique<SyslogSink>(); }

LineLimiter::Verdict LineLimiter::admit(std::string_view kind, Instant now) {
  auto it = kinds_.find(kind);
  if (it == kinds_.end()) it = kinds_.emplace(kind, Kind{.interval_start = now}).first;
  Kind& state = it->second;
  if (now - state.interval_start >= kInterval) {
    state.interval_start = now;
    state.lines = 0;
  }
  if (state.lines == kLines) {
    ++state.suppressed;
    return {};
  }
  ++state.lines;
  return {.admitted = true, .suppressed_before = std::exchange(state.suppressed, 0)};
}

Log::Log(std::string_view interface, LogLevel level, std::unique_ptr<LogSink> sink)
    : level_(level), sink_(std::move(sink)) {
  rename(interface);
}

void Log::rename(std::string_view interface) { prefix_ = fmt::format("({}) ", interface); }

void Log::write(LogLevel level, std::string_view text) { pass_on(level, prefix_ + std::string(text)); }

void Log::pass_on(LogLevel level, std::string_view text) {
  if (!enabled(level)) return;
  sink_->write(level, printable(text));
}

void Log::limited(std::string_view kind, Instant now, LogLevel level, std::string_view text) {
  if (!enabled(level)) return;
  const LineLimiter::Verdict verdict = limiter_.admit(kind, now);
  if (!verdict.admitted) return;
  if (verdict.suppressed_before != 0)
    write(level, fmt::format("suppressed {} more of the next line's kind", verdict.suppressed_before));
  write(level, text);
}

}  // namespace culvert::daemon
