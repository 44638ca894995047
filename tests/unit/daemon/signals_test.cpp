// SPDX-License-Identifier: MIT
#include "signals.hpp"

#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <asio/io_context.hpp>
#include <cerrno>
#include <vector>

using culvert::daemon::StopSignals;

TEST_CASE("SIGTERM and SIGINT become calls, each time") {
  asio::io_context context;
  std::vector<int> got;
  const StopSignals signals(context, [&](int signal) { got.push_back(signal); });
  for (const int signal : {SIGTERM, SIGINT, SIGTERM}) {
    const std::size_t before = got.size();
    ::raise(signal);
    while (got.size() == before) context.run_one();
  }
  CHECK(got == std::vector<int>{SIGTERM, SIGINT, SIGTERM});
}

TEST_CASE("writing to somebody who left is an error, not the end") {
  asio::io_context context;
  const StopSignals signals(context, [](int) {});
  std::array<int, 2> pipe{};
  REQUIRE(::pipe(pipe.data()) == 0);
  ::close(pipe[0]);
  CHECK(::write(pipe[1], "x", 1) == -1);
  CHECK(errno == EPIPE);
  ::close(pipe[1]);
}

TEST_CASE("the handler may end the context, and nothing is left to run") {
  asio::io_context context;
  {
    const StopSignals signals(context, [&](int) { context.stop(); });
    ::raise(SIGTERM);
    context.run();
  }
  context.restart();
  context.run();  // returns: no work is left
}
