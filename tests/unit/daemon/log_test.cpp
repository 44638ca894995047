// SPDX-License-Identifier: MIT
#include "log.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <vector>

#include "unique_fd.hpp"

using namespace culvert;
using namespace culvert::daemon;
using namespace std::chrono_literals;

namespace {

struct Line {
  LogLevel level;
  std::string text;
  friend bool operator==(const Line&, const Line&) = default;
};

class MemorySink : public LogSink {
 public:
  explicit MemorySink(std::vector<Line>& lines) : lines_(lines) {}
  void write(LogLevel level, std::string_view line) noexcept override { lines_.push_back({level, std::string(line)}); }

 private:
  std::vector<Line>& lines_;
};

struct Fixture {
  std::vector<Line> lines;
  Log log{"wg0", LogLevel::verbose, std::make_unique<MemorySink>(lines)};

  [[nodiscard]] std::vector<std::string> texts() const {
    std::vector<std::string> out;
    for (const Line& line : lines) out.push_back(line.text);
    return out;
  }
};

constexpr Instant at(Duration since_start) { return Instant(1h + since_start); }

}  // namespace

TEST_CASE_FIXTURE(Fixture, "each line begins with the interface's name") {
  log.error("one");
  log.verbose("two {}", 2);
  log.rename("wg1");
  log.error("{} and {}", "three", 4);
  CHECK(lines == std::vector<Line>{{LogLevel::error, "(wg0) one"},
                                   {LogLevel::verbose, "(wg0) two 2"},
                                   {LogLevel::error, "(wg1) three and 4"}});
}

TEST_CASE_FIXTURE(Fixture, "a text that was made elsewhere is no format") {
  const std::string text = "{} {unfinished";
  log.error(text);
  log.verbose("{}");
  CHECK(texts() == std::vector<std::string>{"(wg0) {} {unfinished", "(wg0) {}"});
}

TEST_CASE("a log writes its level and what matters more") {
  for (const LogLevel level : {LogLevel::silent, LogLevel::error, LogLevel::verbose}) {
    std::vector<Line> lines;
    Log log("wg0", level, std::make_unique<MemorySink>(lines));
    log.error("error");
    log.verbose("verbose {}", 1);
    log.limited("kind", at(0s), LogLevel::error, "limited");
    log.limited("kind", at(0s), LogLevel::verbose, "limited verbose");
    CHECK(lines.size() == (level == LogLevel::silent ? 0 : level == LogLevel::error ? 2 : 4));
  }
}

TEST_CASE_FIXTURE(Fixture, "nobody can forge a line or colour a terminal") {
  log.error("a\nb\r\x1b[31m\tc\x7f\u009b");
  log.error("AbCd\u2026WxYz");
  CHECK(texts() == std::vector<std::string>{"(wg0) a?b??[31m?c??", "(wg0) AbCd\u2026WxYz"});
}

TEST_CASE_FIXTURE(Fixture, "three lines of a kind a second, and later how many were suppressed") {
  for (int i = 0; i < 10; ++i) log.limited("bad_mac1", at(i * 10ms), LogLevel::error, "line " + std::to_string(i));
  CHECK(texts() == std::vector<std::string>{"(wg0) line 0", "(wg0) line 1", "(wg0) line 2"});
  lines.clear();
  log.limited("bad_mac1", at(999ms), LogLevel::error, "too early");
  CHECK(lines.empty());
  log.limited("bad_mac1", at(1s), LogLevel::error, "next");
  CHECK(texts() == std::vector<std::string>{"(wg0) suppressed 8 more of the next line's kind", "(wg0) next"});
  lines.clear();
  log.limited("bad_mac1", at(1100ms), LogLevel::error, "and one");
  CHECK(texts() == std::vector<std::string>{"(wg0) and one"});
}

TEST_CASE_FIXTURE(Fixture, "one kind does not use up another's lines") {
  for (int i = 0; i < 10; ++i) log.limited("a", at(0s), LogLevel::error, "a");
  log.limited("b", at(0s), LogLevel::error, "b");
  CHECK(lines.size() == 4);
}

TEST_CASE("the first line of a kind is always admitted, whatever the clock says") {
  LineLimiter limiter;
  CHECK(limiter.admit("x", Instant{}).admitted);
  CHECK(limiter.admit("y", Instant(-5s)).admitted);
}

TEST_CASE("standard error gets one line a call") {
  std::array<int, 2> pipe{};
  REQUIRE(::pipe(pipe.data()) == 0);
  const io::UniqueFd reading(pipe[0]), writing(pipe[1]), saved(::dup(2));
  ::dup2(writing.get(), 2);
  make_stderr_sink()->write(LogLevel::error, "(wg0) here");
  ::dup2(saved.get(), 2);
  std::array<char, 100> buffer{};
  const ssize_t got = ::read(reading.get(), buffer.data(), buffer.size());
  REQUIRE(got > 0);
  CHECK(std::string(buffer.data(), static_cast<std::size_t>(got)) == "(wg0) here\n");
}

TEST_CASE("standard error that goes to the journal gets how grave a line is") {
  std::array<int, 2> pipe{};
  REQUIRE(::pipe(pipe.data()) == 0);
  const io::UniqueFd reading(pipe[0]), writing(pipe[1]), saved(::dup(2));
  ::dup2(writing.get(), 2);
  struct stat file {};
  REQUIRE(::fstat(2, &file) == 0);
  ::setenv("JOURNAL_STREAM", (std::to_string(file.st_dev) + ":" + std::to_string(file.st_ino)).c_str(), 1);
  const auto sink = make_stderr_sink();
  sink->write(LogLevel::error, "grave");
  sink->write(LogLevel::verbose, "not so");
  ::setenv("JOURNAL_STREAM", "0:0", 1);
  make_stderr_sink()->write(LogLevel::error, "elsewhere");
  ::unsetenv("JOURNAL_STREAM");
  ::dup2(saved.get(), 2);
  std::array<char, 100> buffer{};
  const ssize_t got = ::read(reading.get(), buffer.data(), buffer.size());
  REQUIRE(got > 0);
  CHECK(std::string(buffer.data(), static_cast<std::size_t>(got)) == "<3>grave\n<6>not so\nelsewhere\n");
}

TEST_CASE_FIXTURE(Fixture, "a log can go elsewhere half-way") {
  std::vector<Line> others;
  log.error("here");
  log.redirect(std::make_unique<MemorySink>(others));
  log.error("there");
  CHECK(lines.size() == 1);
  CHECK(others == std::vector<Line>{{LogLevel::error, "(wg0) there"}});
}
