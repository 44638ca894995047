// SPDX-License-Identifier: MIT
// The process's own streams, behind which tests put pipes and full disks for a moment.
#include "console.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>

#include "failure.hpp"
#include "unique_fd.hpp"

using namespace culvert;
using namespace culvert::cli;

namespace {

/// Stands for standard output or error while it lives.
class Instead {
 public:
  Instead(int stream, int fd) : stream_(stream), kept_(::fcntl(stream, F_DUPFD_CLOEXEC, 3)) {
    std::fflush(nullptr);
    REQUIRE(::dup2(fd, stream) == stream);
  }
  Instead(const Instead&) = delete;
  Instead& operator=(const Instead&) = delete;
  ~Instead() { ::dup2(kept_.get(), stream_); }

 private:
  int stream_;
  io::UniqueFd kept_;
};

io::UniqueFd pipe_without_reader() {
  std::array<int, 2> ends{};
  REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
  ::close(ends[0]);
  return io::UniqueFd(ends[1]);
}

/// What ends the writing of one line: 'n'othing, 'g'one reader, 'f'ailure.
char end_of_line(int stream, int fd) {
  const Console console = process_console();
  const Instead instead(stream, fd);
  try {
    (stream == STDOUT_FILENO ? console.out : console.err)("a line\n");
  } catch (const ReaderGone&) {
    return 'g';
  } catch (const Failure&) {
    return 'f';
  }
  return 'n';
}

}  // namespace

TEST_CASE("a result that cannot be written is a failure, and a remark that nobody hears is none") {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  const io::UniqueFd pipe = pipe_without_reader(), full(::open("/dev/full", O_WRONLY | O_CLOEXEC)),
                     sink(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  CHECK(end_of_line(STDOUT_FILENO, sink.get()) == 'n');
  CHECK(end_of_line(STDOUT_FILENO, pipe.get()) == 'g');
  CHECK(end_of_line(STDOUT_FILENO, full.get()) == 'f');
  for (const int fd : {sink.get(), pipe.get(), full.get()}) CHECK(end_of_line(STDERR_FILENO, fd) == 'n');
  std::signal(SIGPIPE, before);
}
