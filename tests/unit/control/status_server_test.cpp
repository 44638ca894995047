// SPDX-License-Identifier: MIT
#include "status_server.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <asio/io_context.hpp>
#include <thread>
#include <vector>

using namespace culvert;
using namespace culvert::control;

namespace {

// A server in a folder of its own, on a thread of its own.
struct Serving {
  explicit Serving(std::string text) {
    char pattern[] = "/tmp/culvert-status-XXXXXX";
    folder = ::mkdtemp(pattern);
    path = folder + "/run/test.sock";
    auto socket = UapiSocket::open(path);
    REQUIRE(socket);
    server = std::make_unique<StatusServer>(context, std::move(*socket), [text] { return text; });
    thread = std::thread([this] { context.run(); });
  }
  ~Serving() {
    context.stop();
    thread.join();
    server.reset();
    ::rmdir((folder + "/run").c_str());
    ::rmdir(folder.c_str());
  }
  [[nodiscard]] io::UniqueFd connect() const {
    io::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path.copy(name.sun_path, sizeof name.sun_path - 1);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) fd.reset();
    return fd;
  }

  std::string folder, path;
  asio::io_context context{1};
  std::unique_ptr<StatusServer> server;
  std::thread thread;
};

std::string read_all(const io::UniqueFd& fd) {
  std::string all;
  char part[65536];
  for (ssize_t n = 0; (n = ::read(fd.get(), part, sizeof part)) > 0;) all.append(part, static_cast<std::size_t>(n));
  return all;
}

}  // namespace

TEST_CASE("who connects gets the whole document, also a long one, and then the end") {
  const std::string text(3'000'000, 'x');
  const Serving serving(text);
  for (int i = 0; i < 3; ++i) CHECK(read_all(serving.connect()) == text);
}

TEST_CASE("clients that never read do not keep others from being served") {
  const Serving serving(std::string(3'000'000, 'y'));
  std::vector<io::UniqueFd> silent;
  for (int i = 0; i < 15; ++i) silent.push_back(serving.connect());
  CHECK(read_all(serving.connect()).size() == 3'000'000);
}

TEST_CASE("the socket's file lets in its owner alone, and goes with the server") {
  std::string path;
  {
    const Serving serving("z");
    path = serving.path;
    struct stat file {};
    REQUIRE(::stat(path.c_str(), &file) == 0);
    CHECK((file.st_mode & 0077) == 0);
  }
  CHECK(::access(path.c_str(), F_OK) != 0);
}
