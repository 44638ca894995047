// SPDX-License-Identifier: MIT
#include "socket_watch.hpp"

#include <doctest/doctest.h>

#include <asio/io_context.hpp>

#include "uapi_support.hpp"

using namespace culvert;
using namespace culvert::control;
using namespace culvert::control::test;

namespace {

using namespace std::chrono_literals;

struct Fixture {
  TemporaryDirectory directory;
  std::string path = directory / "wg0.sock";
  asio::io_context context;
  UapiSocket socket = [this] {
    auto opened = UapiSocket::open(path);
    if (!opened) FAIL(opened.error().text);
    return std::move(*opened);
  }();
  int gone = 0;
  std::unique_ptr<SocketWatch> watch;

  void start() {
    watch = std::make_unique<SocketWatch>(context, socket, [this] { ++gone; });
  }
  template <class Condition>
  [[nodiscard]] bool run_until(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      context.restart();
      context.run_one_for(10ms);
    }
    return true;
  }
  /// Lets all that is ready now happen.
  void settle() {
    context.restart();
    while (context.poll() > 0) context.restart();
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "the deletion of the socket's file is told once") {
  start();
  settle();
  CHECK(gone == 0);
  std::filesystem::remove(path);
  CHECK(run_until([&] { return gone > 0; }));
  settle();
  CHECK(gone == 1);
}

TEST_CASE_FIXTURE(Fixture, "the file's move to another name is told") {
  start();
  settle();
  std::filesystem::rename(path, directory / "other.sock");
  CHECK(run_until([&] { return gone == 1; }));
}

TEST_CASE_FIXTURE(Fixture, "another file in the place of ours is told, and stays") {
  start();
  settle();
  const auto other = UapiSocket::open(directory / "other.sock");
  REQUIRE(other);
  std::filesystem::rename(directory / "other.sock", path);
  CHECK(run_until([&] { return gone == 1; }));
  watch.reset();
  socket.close();
  CHECK(std::filesystem::exists(path));
}

TEST_CASE_FIXTURE(Fixture, "a change of the file's mode is no deletion") {
  start();
  settle();
  std::filesystem::permissions(path, std::filesystem::perms::owner_all | std::filesystem::perms::group_all);
  settle();
  CHECK(gone == 0);
  std::filesystem::remove(path);
  CHECK(run_until([&] { return gone == 1; }));
}

TEST_CASE_FIXTURE(Fixture, "a file that went before the watch was there is told as well") {
  std::filesystem::remove(path);
  start();
  CHECK(gone == 0);
  CHECK(run_until([&] { return gone == 1; }));
}

TEST_CASE_FIXTURE(Fixture, "the call may end the watch, and a watch that is gone says nothing") {
  watch = std::make_unique<SocketWatch>(context, socket, [this] {
    ++gone;
    watch.reset();
  });
  std::filesystem::remove(path);
  CHECK(run_until([&] { return watch == nullptr; }));
  settle();
  CHECK(gone == 1);
}
