// SPDX-License-Identifier: MIT
#include "acceptor.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

using namespace culvert;
using namespace culvert::control;
using namespace std::chrono_literals;

namespace {

/// A listening socket in a folder of its own, and clients that are made before they are wanted.
struct Listening {
  Listening() {
    char pattern[] = "/tmp/culvert-acceptor-XXXXXX";
    folder = ::mkdtemp(pattern);
    (folder + "/socket").copy(name.sun_path, sizeof name.sun_path - 1);
    name.sun_family = AF_UNIX;
    fd.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
    REQUIRE(::listen(fd.get(), 8) == 0);
  }
  ~Listening() {
    ::unlink(name.sun_path);
    ::rmdir(folder.c_str());
  }
  void connect(const io::UniqueFd& client) const {
    REQUIRE(::connect(client.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
  }
  static io::UniqueFd client() { return io::UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

  std::string folder;
  sockaddr_un name{};
  io::UniqueFd fd;
};

/// While it lives this process gets no further descriptor.
class NoDescriptors {
 public:
  NoDescriptors() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const int lowest = ::dup(0);
    ::close(lowest);
    const rlimit none{static_cast<rlim_t>(lowest), before_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE("every client is admitted, those that waited as well") {
  const Listening listening;
  asio::io_context context{1};
  const io::UniqueFd early = Listening::client(), late = Listening::client();
  listening.connect(early);
  std::vector<io::UniqueFd> admitted;
  const Acceptor acceptor(context, listening.fd.get(), [&](io::UniqueFd fd) { admitted.push_back(std::move(fd)); });
  context.run_for(50ms);
  CHECK(admitted.size() == 1);
  listening.connect(late);
  context.run_for(50ms);
  REQUIRE(admitted.size() == 2);
  REQUIRE(::send(late.get(), "x", 1, 0) == 1);
  char octet = 0;
  CHECK(::recv(admitted[1].get(), &octet, 1, 0) == 1);
}

TEST_CASE("without a descriptor for a client it rests, and admits the client when there is one") {
  const Listening listening;
  asio::io_context context{1};
  const io::UniqueFd client = Listening::client();
  int admitted = 0;
  const Acceptor acceptor(context, listening.fd.get(), [&](io::UniqueFd) { ++admitted; });
  context.run_for(10ms);
  {
    const NoDescriptors none;
    listening.connect(client);
    CHECK(context.run_for(450ms) < 20);  // handlers: two for each time that it tried
    CHECK(admitted == 0);
  }
  context.run_for(300ms);
  CHECK(admitted == 1);
}

TEST_CASE("whoever is admitted may end it, and the listening socket stays open") {
  const Listening listening;
  asio::io_context context{1};
  const io::UniqueFd client = Listening::client();
  listening.connect(client);
  std::optional<Acceptor> acceptor;
  int admitted = 0;
  acceptor.emplace(context, listening.fd.get(), [&](io::UniqueFd) {
    ++admitted;
    acceptor.reset();
  });
  context.run_for(50ms);
  CHECK(admitted == 1);
  CHECK(!acceptor);
  const io::UniqueFd second = Listening::client();
  listening.connect(second);
  context.run_for(20ms);
  CHECK(admitted == 1);
}
