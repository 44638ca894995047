// SPDX-License-Identifier: MIT
#include "listener.hpp"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <cerrno>
#include <vector>

#include "uapi_socket.hpp"

using namespace culvert;
using namespace culvert::control;

namespace {

/// A listener in a folder of its own; its context is run by the test, on the test's thread.
struct Door {
  Door() {
    char pattern[] = "/tmp/culvert-listener-XXXXXX";
    folder = ::mkdtemp(pattern);
    path = folder + "/run/test.sock";
    auto opened = UapiSocket::open(path);
    REQUIRE(opened);
    socket.emplace(std::move(*opened));
  }
  ~Door() {
    listener.reset();
    socket.reset();
    ::rmdir((folder + "/run").c_str());
    ::rmdir(folder.c_str());
  }
  void open(ListenerRules rules) {
    listener.emplace(context, socket->fd(), std::move(rules), [this](Visitor visitor) {
      in.push_back(std::move(visitor));
      if (close_after_one) listener->close();
    });
  }
  [[nodiscard]] io::UniqueFd connect() const {
    io::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path.copy(name.sun_path, sizeof name.sun_path - 1);
    REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
    return fd;
  }
  std::size_t run() {
    context.restart();
    return context.poll();
  }

  std::string folder, path;
  asio::io_context context{1};
  std::optional<UapiSocket> socket;
  std::vector<Visitor> in;
  bool close_after_one = false;
  std::optional<Listener> listener;
};

bool was_turned_away(const io::UniqueFd& fd) {
  char octet;
  return ::recv(fd.get(), &octet, 1, 0) == 0;
}
bool is_held(const io::UniqueFd& fd) {
  char octet;
  return ::recv(fd.get(), &octet, 1, 0) < 0 && errno == EAGAIN;
}

}  // namespace

TEST_CASE("callers who are named are let in, all others are turned away") {
  Door door;
  SUBCASE("this user is named") {
    door.open({.callers = root_and_own_user()});
    const io::UniqueFd fd = door.connect();
    door.run();
    CHECK(door.in.size() == 1);
    CHECK(is_held(fd));
  }
  SUBCASE("another user is named") {
    door.open({.callers = Callers{::geteuid() + 1}});
    const io::UniqueFd fd = door.connect();
    door.run();
    CHECK(door.in.empty());
    CHECK(was_turned_away(fd));
  }
  SUBCASE("nobody is named") {
    door.open({.callers = Callers{}});
    const io::UniqueFd fd = door.connect();
    door.run();
    CHECK(door.in.empty());
    CHECK(was_turned_away(fd));
  }
}

TEST_CASE("a caller of a Unix socket is known, one of another socket is not") {
  int pair[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  const io::UniqueFd one(pair[0]), other(pair[1]);
  CHECK(caller_of(one.get()) == ::geteuid());
  const io::UniqueFd inet(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  CHECK_FALSE(caller_of(inet.get()));
  CHECK_FALSE(caller_of(-1));
}

TEST_CASE("there are so many places, and one that was left can be had again") {
  Door door;
  door.open({.places = 2, .callers = root_and_own_user()});
  const io::UniqueFd first = door.connect(), second = door.connect(), third = door.connect();
  door.run();
  CHECK(door.in.size() == 2);
  CHECK(door.listener->places_taken() == 2);
  CHECK(was_turned_away(third));
  CHECK(is_held(first));

  door.in.erase(door.in.begin());
  CHECK(door.listener->places_taken() == 1);
  const io::UniqueFd fourth = door.connect();
  door.run();
  CHECK(is_held(fourth));
  CHECK(is_held(second));
}

TEST_CASE("whoever finds no place may have one made") {
  Door door;
  door.open({.places = 1, .callers = root_and_own_user(), .make_room = [&door] { door.in.clear(); }});
  const io::UniqueFd first = door.connect();
  door.run();
  const io::UniqueFd second = door.connect();
  door.run();
  CHECK(was_turned_away(first));
  CHECK(is_held(second));
}

TEST_CASE("a listener may be closed by the one whom it lets in, and lets nobody in afterwards") {
  Door door;
  door.close_after_one = true;
  door.open({.callers = root_and_own_user()});
  const io::UniqueFd first = door.connect(), second = door.connect();
  door.run();
  door.run();
  CHECK(door.in.size() == 1);
  CHECK(is_held(second));  // in the kernel's queue, where nobody looks
  door.listener->close();
}

TEST_CASE("a place outlives its listener") {
  Door door;
  door.open({.callers = root_and_own_user()});
  const io::UniqueFd fd = door.connect();
  door.run();
  REQUIRE(door.in.size() == 1);
  door.listener.reset();
  CHECK(is_held(fd));
  door.in.clear();
  CHECK(was_turned_away(fd));
}

TEST_CASE("a socket that is readable though nobody calls does not keep a listener turning") {
  Door door;
  door.open({.callers = root_and_own_user()});
  REQUIRE(::shutdown(door.socket->fd(), SHUT_RDWR) == 0);  // as some other process that has it may
  std::size_t turns = 0;
  for (int i = 0; i < 50; ++i) turns += door.run();
  CHECK(turns < 5);
}

TEST_CASE("without descriptors to spare a listener waits a moment, and lets in later") {
  Door door;
  door.open({.callers = root_and_own_user()});
  const io::UniqueFd fd = door.connect();
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit tight = before;
  tight.rlim_cur = 3;  // below all that is open already
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
  std::size_t turns = 0;
  for (int i = 0; i < 50; ++i) turns += door.run();
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(turns < 5);
  CHECK(door.in.empty());

  door.context.restart();
  door.context.run_for(std::chrono::seconds(2));
  CHECK(door.in.size() == 1);
}
