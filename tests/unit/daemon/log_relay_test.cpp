// SPDX-License-Identifier: MIT
#include "log_relay.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
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
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "lines keep their level, and what has none is an error") {
  relay.feed("<3>(wg0) bad\n<6>(wg0) talk\nterminate called\n\n");
  CHECK(lines == std::vector<std::string>{"error: (wg0) bad", "verbose: (wg0) talk", "error: terminate called"});
}

TEST_CASE_FIXTURE(Fixture, "a line may arrive in pieces, and one without an end is passed on at the end") {
  for (const char c : std::string("<6>abc\n<3>last")) relay.feed(std::string(1, c));
  CHECK(lines == std::vector<std::string>{"verbose: abc"});
  relay.finish();
  CHECK(lines.back() == "error: last");
  relay.finish();
  CHECK(lines.size() == 2);
}

TEST_CASE_FIXTURE(Fixture, "nobody can forge a line or make one without bound") {
  relay.feed("a\x1b[31mb\rc\n");
  CHECK(lines.back() == "error: a?[31mb?c");
  lines.clear();
  relay.feed(std::string(10'000, 'x'));
  relay.finish();
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].size() == 4096 + 7);
}

TEST_CASE("a log that does not speak of such things keeps quiet about lines of the other half as well") {
  std::vector<std::string> lines;
  Log log("wg0", LogLevel::error, std::make_unique<Recorder>(lines));
  LogRelay relay(log);
  relay.feed("<6>talk\n<3>bad\n");
  CHECK(lines == std::vector<std::string>{"error: bad"});
}

TEST_CASE_FIXTURE(Fixture, "a pipe is read until nothing more waits") {
  std::array<int, 2> pipe{};
  REQUIRE(::pipe2(pipe.data(), O_NONBLOCK | O_CLOEXEC) == 0);
  CHECK(::write(pipe[1], "<6>one\n<6>two\n", 14) == 14);
  relay.drain(pipe[0]);
  CHECK(lines.size() == 2);
  ::close(pipe[1]);
  relay.drain(pipe[0]);
  ::close(pipe[0]);
  CHECK(lines.size() == 2);
}
