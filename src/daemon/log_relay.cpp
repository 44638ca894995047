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

LogRelay::Pipe LogRelay::drain(int fd, Instant now) {
  std::array<char, 4096> buffer;
  for (std::size_t taken = 0; taken < kMaxDrainOctets;) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0 ? Pipe::closed : Pipe::open;
    feed({buffer.data(), static_cast<std::size_t>(got)}, now);
    taken += static_cast<std::size_t>(got);
  }
  return Pipe::open;
}

void LogRelay::feed(std::string_view octets, Instant now) {
  while (!octets.empty()) {
    const std::size_t end = octets.find('\n');
    const std::size_t room = kMaxLineOctets - unfinished_.size();
    const std::string_view piece = octets.substr(0, std::min(end, room));
    unfinished_ += piece;
    octets.remove_prefix(piece.size());
    const bool ends = !octets.empty() && octets.front() == '\n';
    if (ends) octets.remove_prefix(1);
    if (ends || unfinished_.size() == kMaxLineOctets) end_line(now);
  }
}

void LogRelay::finish(Instant now) {
  end_line(now);
  tell_left_out();
}

void LogRelay::end_line(Instant now) {
  const std::string whole = std::exchange(unfinished_, {});
  std::string_view line = whole;
  if (line.empty()) return;
  if (line.starts_with(kVerboseMark)) return pass_on(LogLevel::verbose, line.substr(kVerboseMark.size()), now);
  if (line.starts_with(kErrorMark)) line.remove_prefix(kErrorMark.size());
  pass_on(LogLevel::error, line, now);
}

void LogRelay::pass_on(LogLevel level, std::string_view line, Instant now) {
  if (!log_.enabled(level)) return;
  if (now - interval_start_ >= kInterval) {
    tell_left_out();
    interval_start_ = now;
    lines_ = 0;
  }
  if (lines_ == kMaxLines) {
    ++left_out_;
    return;
  }
  ++lines_;
  log_.pass_on(level, line);
}

void LogRelay::tell_left_out() {
  if (left_out_ == 0) return;
  log_.error("Left out {} lines of the packet half, which wrote more than {} in {} s", std::exchange(left_out_, 0),
             kMaxLines, std::chrono::duration_cast<std::chrono::seconds>(kInterval).count());
}

}  // namespace culvert::daemon
