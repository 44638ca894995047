// SPDX-License-Identifier: MIT
#include "log_relay.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace culvert::daemon {
namespace {

constexpr std::string_view kErrorMark = "<3>";
constexpr std::string_view kVerboseMark = "<6>";

class PipeSink final : public LogSink {
 public:
  void write(LogLevel level, std::string_view line) noexcept override {
    // One call, so that a line is whole or not there: the kernel splits nothing under PIPE_BUF (4096 octets).
    text_.assign(level == LogLevel::error ? kErrorMark : kVerboseMark);
    text_ += line.substr(0, LogRelay::kMaxLineOctets - kErrorMark.size() - 1);
    text_ += '\n';
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text_.data(), text_.size());
  }

 private:
  std::string text_;
};

}  // namespace

std::unique_ptr<LogSink> make_pipe_sink() { return std::make_unique<PipeSink>(); }

void LogRelay::drain(int fd) {
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got > 0)
      feed({buffer.data(), static_cast<std::size_t>(got)});
    else if (got == 0 || errno != EINTR)
      return;
  }
}

void LogRelay::feed(std::string_view octets) {
  while (!octets.empty()) {
    const std::size_t end = octets.find('\n');
    const std::size_t room = kMaxLineOctets - unfinished_.size();
    const std::string_view piece = octets.substr(0, std::min(end, room));
    unfinished_ += piece;
    octets.remove_prefix(piece.size());
    const bool ends = !octets.empty() && octets.front() == '\n';
    if (ends) octets.remove_prefix(1);
    if (ends || unfinished_.size() == kMaxLineOctets) finish();
  }
}

void LogRelay::finish() {
  const std::string line = std::exchange(unfinished_, {});
  if (!line.empty()) pass_on(line);
}

void LogRelay::pass_on(std::string_view line) {
  if (line.starts_with(kVerboseMark)) return log_.pass_on(LogLevel::verbose, line.substr(kVerboseMark.size()));
  if (line.starts_with(kErrorMark)) line.remove_prefix(kErrorMark.size());
  log_.pass_on(LogLevel::error, line);
}

}  // namespace culvert::daemon
