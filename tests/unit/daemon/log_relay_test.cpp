// SPDX-License-Identifier: MIT
#include "log_relay.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <vector>

using namespace culvert::daemon;

namespace {

struct Recorder final : LogSink {
  explicit Recorder(std::vector<std::string>& into) : lines(into) {}
  void write(LogLevel level, std::string_view line) noexcept override {
    lines.push_back((level == LogLevel::error ? "error: " : "verbose: ") + std::string(line));
  }
  std::vector<std::string>& lines;
};

struct Fixture {
  std::vector<std::string> lines;
  Log log{"wg0", LogLevel::verbose, std::make_unique<Recorder>(lines)};
  LogRelay relay{log};
  culvert::Instant now{std::chrono::hours(1)};
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "lines keep their level, and what has none is an error") {
  relay.feed("<3>(wg0) bad\n<6>(wg0) talk\nterminate called\n\n", now);
  CHECK(lines == std::vector<std::string>{"error: (wg0) bad", "verbose: (wg0) talk", "error: terminate called"});
}

TEST_CASE_FIXTURE(Fixture, "a line may arrive in pieces, and one without an end is passed on at the end") {
  for (const char c : std::string("<6>abc\n<3>last")) relay.feed(std::string(1, c), now);
  CHECK(lines == std::vector<std::string>{"verbose: abc"});
  relay.finish(now);
  CHECK(lines.back() == "error: last");
  relay.finish(now);
  CHECK(lines.size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "nobody can forge a line or make one without bound") {
  relay.feed("a\x1b[31mb\rc\n", now);
  CHECK(lines.back() == "error: a?[31mb?c");
  lines.clear();
  relay.feed(std::string(10'000, 'x'), now);
  relay.finish(now);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].size() == 4096 + 7);
}

TEST_CASE("a log that does not speak of such things keeps quiet about lines of the other half as well") {
  std::vector<std::string> lines;
  Log log("wg0", LogLevel::error, std::make_unique<Recorder>(lines));
  LogRelay relay(log);
  relay.feed("<6>talk\n<3>bad\n", {});
  CHECK(lines == std::vector<std::string>{"error: bad"});
}

TEST_CASE_FIXTURE(Fixture, "a pipe is read until nothing more waits, and its end is told") {
  std::array<int, 2> pipe{};
  REQUIRE(::pipe2(pipe.data(), O_NONBLOCK | O_CLOEXEC) == 0);
  CHECK(::write(pipe[1], "<6>one\n<6>two\n", 14) == 14);
  CHECK(relay.drain(pipe[0], now) == LogRelay::Pipe::open);
  CHECK(lines.size() == 2);
  ::close(pipe[1]);
  CHECK(relay.drain(pipe[0], now) == LogRelay::Pipe::closed);
  ::close(pipe[0]);
  CHECK(lines.size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "however much a pipe holds, a call takes a part of it, and the next the rest") {
  constexpr int kWritten = 4 * LogRelay::kMaxDrainOctets;
  std::array<int, 2> pipe{};
  REQUIRE(::pipe2(pipe.data(), O_NONBLOCK | O_CLOEXEC) == 0);
  REQUIRE(::fcntl(pipe[1], F_SETPIPE_SZ, 2 * kWritten) >= kWritten);
  REQUIRE(::write(pipe[1], std::string(kWritten, 'x').data(), kWritten) == kWritten);
  for (int calls = 1; calls <= 4; ++calls) {
    CHECK(relay.drain(pipe[0], now) == LogRelay::Pipe::open);
    int waits = 0;
    REQUIRE(::ioctl(pipe[0], FIONREAD, &waits) == 0);
    CHECK(waits == kWritten - calls * static_cast<int>(LogRelay::kMaxDrainOctets));
  }
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST_CASE_FIXTURE(Fixture, "lines without end are left out and counted, and those that follow later are not") {
  for (std::uint32_t n = 0; n < LogRelay::kMaxLines + 7; ++n) relay.feed("<3>again\n", now);
  CHECK(lines.size() == LogRelay::kMaxLines);
  now += LogRelay::kInterval - std::chrono::milliseconds(1);
  relay.feed("<3>too soon\n", now);
  CHECK(lines.size() == LogRelay::kMaxLines);
  now += std::chrono::milliseconds(1);
  relay.feed("<3>later\n", now);
  REQUIRE(lines.size() == LogRelay::kMaxLines + 2);
  CHECK(lines[LogRelay::kMaxLines] ==
        "error: (wg0) Left out 8 lines of the packet half, which wrote more than 1000 in 10 s");
  CHECK(lines.back() == "error: later");
}

TEST_CASE_FIXTURE(Fixture, "what was left out is told at the end as well, and another packet half may not write more") {
  for (std::uint32_t n = 0; n < LogRelay::kMaxLines; ++n) relay.feed("<3>again\n", now);
  relay.feed("<3>last words", now);
  relay.finish(now);
  REQUIRE(lines.size() == LogRelay::kMaxLines + 1);
  CHECK(lines.back().find("Left out 1 lines") != std::string::npos);
  relay.feed("<3>another\n", now);
  relay.finish(now);
  CHECK(lines.size() == LogRelay::kMaxLines + 2);
  CHECK(lines.back().find("Left out 1 lines") != std::string::npos);
}

TEST_CASE("lines that nobody wants to see take no place of those that count") {
  std::vector<std::string> lines;
  Log log("wg0", LogLevel::error, std::make_unique<Recorder>(lines));
  LogRelay relay(log);
  const culvert::Instant now{std::chrono::hours(1)};
  for (std::uint32_t n = 0; n <= LogRelay::kMaxLines; ++n) relay.feed("<6>talk\n", now);
  relay.feed("<3>bad\n", now);
  relay.finish(now);
  CHECK(lines == std::vector<std::string>{"error: bad"});
}
