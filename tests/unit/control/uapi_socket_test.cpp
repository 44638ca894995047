// SPDX-License-Identifier: MIT
#include "uapi_socket.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>

#include "uapi_support.hpp"

using namespace culvert;
using namespace culvert::control;
using namespace culvert::control::test;

namespace {

mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_mode;
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

UapiSocket opened(const std::string& path) {
  auto socket = UapiSocket::open(path);
  if (!socket) FAIL(socket.error().text);
  return std::move(*socket);
}

/// Sets the umask and puts the old one back.
class Umask {
 public:
  explicit Umask(mode_t mask) : old_(::umask(mask)) {}
  ~Umask() { ::umask(old_); }

 private:
  mode_t old_;
};

}  // namespace

TEST_CASE("wg looks for the socket in /var/run/wireguard") {
  CHECK(uapi_socket_path("wg0") == "/var/run/wireguard/wg0.sock");
}

TEST_CASE("a missing directory is made for all to read, and the socket for its owner alone, whatever the umask") {
  for (const mode_t mask : {mode_t{0}, mode_t{022}, mode_t{077}}) {
    CAPTURE(mask);
    const TemporaryDirectory directory;
    const Umask umask(mask);
    const UapiSocket socket = opened(directory / "wireguard/wg0.sock");
    CHECK(mode_of(directory / "wireguard") == (S_IFDIR | 0755));
    CHECK(mode_of(directory / "wireguard/wg0.sock") == (S_IFSOCK | 0700));
    CHECK((::fcntl(socket.fd(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((::fcntl(socket.fd(), F_GETFL) & O_NONBLOCK) != 0);
  }
}

TEST_CASE("a client can connect as soon as the socket is open") {
  const TemporaryDirectory directory;
  const UapiSocket socket = opened(directory / "wg0.sock");
  CHECK(TestClient(socket.path()).error() == 0);
}

TEST_CASE("the file of a process that is gone is replaced") {
  const TemporaryDirectory directory;
  const std::string path = directory / "wg0.sock";
  {
    const io::UniqueFd dead(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  REQUIRE(exists(path));
  const UapiSocket socket = opened(path);
  CHECK(socket.file_is_ours());
  CHECK(TestClient(path).error() == 0);
}

TEST_CASE("a socket that answers is in use, and stays") {
  const TemporaryDirectory directory;
  const UapiSocket first = opened(directory / "wg0.sock");
  const auto second = UapiSocket::open(directory / "wg0.sock");
  REQUIRE(!second);
  CHECK(second.error().error == EADDRINUSE);
  CHECK(second.error().text.find("in use by another process") != std::string::npos);
  CHECK(first.file_is_ours());
  CHECK(TestClient(first.path()).error() == 0);
}

TEST_CASE("a socket whose queue of clients is full is in use as well") {
  const TemporaryDirectory directory;
  const UapiSocket first = opened(directory / "wg0.sock");
  REQUIRE(::listen(first.fd(), 0) == 0);
  const TestClient waiting(first.path());
  REQUIRE(waiting.error() == 0);
  REQUIRE(TestClient(first.path()).error() == EAGAIN);
  const auto second = UapiSocket::open(first.path());
  REQUIRE(!second);
  CHECK(second.error().error == EADDRINUSE);
}

TEST_CASE("a file of another kind is never removed") {
  const TemporaryDirectory directory;
  const std::string path = directory / "wg0.sock";
  std::ofstream(path) << "precious";
  const auto socket = UapiSocket::open(path);
  REQUIRE(!socket);
  CHECK(socket.error().error == EEXIST);
  CHECK(exists(path));
  std::filesystem::remove(path);
  std::filesystem::create_symlink(directory / "elsewhere", path);
  CHECK(!UapiSocket::open(path));
  CHECK(exists(path));
}

TEST_CASE("a directory where others may write is refused") {
  const TemporaryDirectory directory;
  const std::string parent = directory / "wireguard";
  for (const mode_t mode : {mode_t{0777}, mode_t{0775}, mode_t{0757}}) {
    REQUIRE((::mkdir(parent.c_str(), 0755) == 0 || errno == EEXIST));
    REQUIRE(::chmod(parent.c_str(), mode) == 0);
    const auto socket = UapiSocket::open(parent + "/wg0.sock");
    REQUIRE(!socket);
    CHECK(socket.error().error == EPERM);
  }
}

TEST_CASE("errors of the file system come out with the path") {
  const TemporaryDirectory directory;
  const auto missing = UapiSocket::open(directory / "a/b/wg0.sock");
  REQUIRE(!missing);
  CHECK(missing.error().error == ENOENT);
  CHECK(missing.error().text.find("/a/b") != std::string::npos);
  std::ofstream(directory / "file") << "x";
  CHECK(!UapiSocket::open(directory / "file/wg0.sock"));
  const auto too_long = UapiSocket::open(directory / std::string(120, 'x'));
  REQUIRE(!too_long);
  CHECK(too_long.error().error == ENAMETOOLONG);
}

TEST_CASE("the file goes with the socket") {
  const TemporaryDirectory directory;
  const std::string path = directory / "wg0.sock";
  {
    UapiSocket socket = opened(path);
    UapiSocket moved = std::move(socket);
    CHECK(moved.file_is_ours());
    CHECK(exists(path));
  }
  CHECK(!exists(path));
}

TEST_CASE("a file that is no longer ours stays") {
  const TemporaryDirectory directory;
  const std::string path = directory / "wg0.sock";
  {
    const UapiSocket first = opened(path);
    std::filesystem::rename(path, directory / "kept.sock");
    CHECK(!first.file_is_ours());
    const UapiSocket second = opened(path);
    { const UapiSocket first_dies = std::move(const_cast<UapiSocket&>(first)); }
    CHECK(exists(path));
    CHECK(second.file_is_ours());
  }
  CHECK(!exists(path));
  CHECK(exists(directory / "kept.sock"));
}

TEST_CASE("an inherited listening socket is taken over with its file") {
  const TemporaryDirectory directory;
  const std::string path = directory / "wg0.sock";
  UapiSocket original = opened(path);
  const int inherited = ::dup(original.fd());
  REQUIRE(::fcntl(inherited, F_SETFL, 0) == 0);
  {
    auto adopted = UapiSocket::adopt(inherited);
    if (!adopted) FAIL(adopted.error().text);
    CHECK(adopted->path() == path);
    CHECK(adopted->file_is_ours());
    CHECK((::fcntl(adopted->fd(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((::fcntl(adopted->fd(), F_GETFL) & O_NONBLOCK) != 0);
    CHECK(TestClient(path).error() == 0);
  }
  CHECK(!exists(path));
}

TEST_CASE("what is no listening socket with a file is not taken over") {
  CHECK(!UapiSocket::adopt(-1));
  CHECK(!UapiSocket::adopt(::open("/dev/null", O_RDONLY | O_CLOEXEC)));
  CHECK(!UapiSocket::adopt(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)));
  CHECK(!UapiSocket::adopt(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
  const auto bound_to = [](const sockaddr_un& address, socklen_t length) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), length) == 0);
    return fd;
  };
  const auto refusal = [](int fd) {
    const auto socket = UapiSocket::adopt(fd);
    REQUIRE(!socket);
    return socket.error().text;
  };
  const TemporaryDirectory directory;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const int unnamed = bound_to(address, sizeof(sa_family_t));
  REQUIRE(::listen(unnamed, 1) == 0);
  CHECK(refusal(unnamed) == "descriptor " + std::to_string(unnamed) + " is not a listening socket with a file");
  (directory / "wg0.sock").copy(address.sun_path, sizeof address.sun_path - 1);
  const int silent = bound_to(address, sizeof address);
  CHECK(refusal(silent) == "descriptor " + std::to_string(silent) + " is not a listening socket with a file");
}
