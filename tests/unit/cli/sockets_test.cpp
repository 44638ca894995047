// SPDX-License-Identifier: MIT
#include "sockets.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "failure.hpp"
#include "unique_fd.hpp"

using namespace culvert;
using namespace culvert::cli;

namespace {

/// A folder with sockets; it goes away with its owner.
struct Folder {
  Folder() {
    char pattern[] = "/tmp/culvert-cli-XXXXXX";
    path = ::mkdtemp(pattern);
  }
  ~Folder() { std::filesystem::remove_all(path); }

  [[nodiscard]] io::UniqueFd listen(const std::string& name) const {
    io::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (path + "/" + name).copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(fd.get(), 4) == 0);
    return fd;
  }
  std::string path;
};

ExitCode code_of(const std::string& path) {
  try {
    static_cast<void>(ask_socket(path, "wg0", "x", Ends::at_close, std::chrono::seconds(1)));
  } catch (const Failure& failure) {
    return failure.code();
  }
  return ExitCode::ok;
}

}  // namespace

TEST_CASE("a request goes out and the answer is read to its end") {
  const Folder folder;
  for (const Ends ends : {Ends::at_close, Ends::at_line}) {
    const io::UniqueFd listener = folder.listen(ends == Ends::at_close ? "a.sock" : "b.sock");
    const std::string wanted = std::string(100'000, 'x') + "\n";
    std::thread server([&] {
      const io::UniqueFd peer(::accept(listener.get(), nullptr, nullptr));
      char request[16]{};
      CHECK(::recv(peer.get(), request, sizeof request, 0) == 5);
      CHECK(std::string(request) == "hello");
      for (std::size_t sent = 0; sent < wanted.size();) {
        const ssize_t n = ::send(peer.get(), wanted.data() + sent, wanted.size() - sent, MSG_NOSIGNAL);
        REQUIRE(n > 0);
        sent += static_cast<std::size_t>(n);
      }
    });
    const std::string path = folder.path + (ends == Ends::at_close ? "/a.sock" : "/b.sock");
    const std::string answer = ask_socket(path, "wg0", "hello", ends, std::chrono::seconds(60));
    server.join();
    CHECK(answer == wanted);
  }
}

TEST_CASE("nobody there is exit code 4, whether the file is missing or left over") {
  const Folder folder;
  CHECK(code_of(folder.path + "/none.sock") == ExitCode::not_running);
  folder.listen("dead.sock").reset();
  CHECK(code_of(folder.path + "/dead.sock") == ExitCode::not_running);
  CHECK(code_of("/" + std::string(200, 'x')) == ExitCode::failed);
}

TEST_CASE("a daemon that does not answer is given up") {
  const Folder folder;
  const io::UniqueFd listener = folder.listen("slow.sock");
  CHECK(code_of(folder.path + "/slow.sock") == ExitCode::failed);
}

TEST_CASE("running interfaces are those with a status socket") {
  const Folder folder;
  const SocketFolders folders{folder.path, folder.path + "/other"};
  CHECK(interfaces_with_status(folders).empty());
  CHECK_FALSE(is_running(folders, "wg0"));
  const io::UniqueFd one = folder.listen("wg1.sock"), two = folder.listen("wg0.sock"),
                     events = folder.listen("wg0.events");
  CHECK(interfaces_with_status(folders) == std::vector<std::string>{"wg0", "wg1"});
  CHECK(is_running(folders, "wg0"));
  CHECK_FALSE(is_running(folders, "wg2"));
  CHECK(interfaces_with_status({folder.path + "/none", ""}).empty());
}
