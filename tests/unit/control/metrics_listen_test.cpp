// SPDX-License-Identifier: MIT
#include "metrics_listen.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <unistd.h>

using namespace culvert;
using namespace culvert::control;

TEST_CASE("metrics listen on loopback and nowhere else") {
  for (const char* where : {"0.0.0.0:9586", "192.0.2.1:9586", "[::]:9586", "[2001:db8::1]:9586"}) {
    const auto opened = open_metrics_listener(where);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().find("not a loopback address") != std::string::npos);
  }
  for (const char* where : {"", "9586", "localhost:9586", "127.0.0.1", "unix", "127.0.0.1:70000"}) {
    const auto opened = open_metrics_listener(where);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().find("127.0.0.1:9586") != std::string::npos);
  }
}

TEST_CASE("a loopback port is listened on, and one that is taken is named") {
  // Another program may have any one port, but not all of these.
  for (int port = 40001; port < 40200; ++port) {
    const std::string where = "127.0.0.1:" + std::to_string(port);
    const auto first = open_metrics_listener(where);
    if (!first) continue;
    const auto second = open_metrics_listener(where);
    REQUIRE_FALSE(second);
    CHECK(second.error().starts_with(where + ": "));
    return;
  }
  FAIL("none of 199 ports could be opened");
}

TEST_CASE("a socket file is made for the path, and goes with the listener") {
  char pattern[] = "/tmp/culvert-metrics-XXXXXX";
  const std::string folder = ::mkdtemp(pattern);
  const std::string path = folder + "/m.sock";
  {
    const auto opened = open_metrics_listener("unix:" + path);
    REQUIRE(opened);
    CHECK(::access(path.c_str(), F_OK) == 0);
  }
  CHECK(::access(path.c_str(), F_OK) != 0);
  ::rmdir(folder.c_str());
}
