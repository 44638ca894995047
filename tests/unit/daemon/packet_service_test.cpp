// SPDX-License-Identifier: MIT
#include "packet_service.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "half_channel.hpp"
#include "packet_process.hpp"

using namespace culvert;
using namespace culvert::daemon;
using namespace std::chrono_literals;

namespace {

enum class Child : std::uint8_t { answers, hangs };

/// Stands for the service manager: each connection becomes descriptor 3 of a process of its own.
class Manager {
 public:
  explicit Manager(Child kind) : path_(folder_ / "packets"), kind_(kind) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.native().copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_.get(), 4) == 0);
  }
  ~Manager() {
    if (child_ > 0) ::kill(child_, SIGKILL);
    if (child_ > 0) ::waitpid(child_, nullptr, 0);
    std::filesystem::remove_all(folder_);
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  void serve() {
    const io::UniqueFd connection(::accept(listener_.get(), nullptr, nullptr));
    REQUIRE(connection);
    child_ = ::fork();
    if (child_ == 0) live(connection.get());
  }
  /// -1: it lives.
  int status(int options = WNOHANG) {
    int status = 0;
    const pid_t found = ::waitpid(child_, &status, options);
    if (found == 0) return -1;
    child_ = -1;
    return status;
  }
  [[nodiscard]] const std::string& path() const noexcept { return path_.native(); }

 private:
  [[noreturn]] void live(int connection) const {
    // With a copy of the host half's ends it would never see them close.
    if (::dup2(connection, kNewsDescriptor) != kNewsDescriptor || ::close_range(kNewsDescriptor + 1, ~0U, 0) != 0 ||
        !take_service_ends())
      ::_exit(9);
    ::alarm(60);
    if (::write(STDERR_FILENO, "here\n", 5) != 5) ::_exit(8);
    if (kind_ == Child::hangs)
      for (;;) ::pause();
    // Says by both pairs that it has them, and ends with the host half.
    (void)send_half_message(kNewsDescriptor, std::array<std::uint8_t, 1>{1});
    (void)send_half_message(kRequestsDescriptor, std::array<std::uint8_t, 1>{2});
    (void)await_half_message(kNewsDescriptor, 20'000);
    ::_exit(0);
  }

  std::filesystem::path folder_ = ::mkdtemp(std::string("/tmp/culvert-packets-XXXXXX").data());
  std::filesystem::path path_;
  io::UniqueFd listener_{::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
  Child kind_;
  pid_t child_ = -1;
};

std::uint8_t octet_from(int fd) {
  REQUIRE(await_half_message(fd, 20'000));
  const auto message = receive_half_message(fd);
  REQUIRE(message);
  REQUIRE(message->size == 1);
  return message->octets[0];
}

}  // namespace

TEST_CASE("a packet half that a service manager starts has its pairs and its log, and ends when it is asked to") {
  Manager manager(Child::answers);
  auto process = PacketProcess::call(manager.path());
  REQUIRE(process);
  manager.serve();
  CHECK(octet_from(process->news()) == 1);
  CHECK(octet_from(process->requests()) == 2);
  std::array<char, 8> log{};
  CHECK(::read(process->log(), log.data(), log.size()) == 5);
  CHECK(process->end(20s).find("culvert-packets@") != std::string::npos);
  CHECK(manager.status(0) == 0);
}

TEST_CASE("one that does not end is killed, though it is nobody's child and ignores signals to stop") {
  Manager manager(Child::hangs);
  auto process = PacketProcess::call(manager.path());
  REQUIRE(process);
  manager.serve();
  pollfd log{.fd = process->log(), .events = POLLIN, .revents = 0};
  REQUIRE(::poll(&log, 1, 20'000) == 1);  // it has taken its ends
  CHECK(process->end(10ms) == "it was killed");
  const int status = manager.status(0);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGKILL);
}

TEST_CASE("one whose host half dies without a word is killed as well") {
  Manager manager(Child::hangs);
  {
    auto ends = call_packet_service(manager.path());
    REQUIRE(ends);
    manager.serve();
    pollfd log{.fd = ends->log.get(), .events = POLLIN, .revents = 0};
    REQUIRE(::poll(&log, 1, 20'000) == 1);
    CHECK(manager.status() == -1);
  }
  const int status = manager.status(0);
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGKILL);
}

TEST_CASE("one whose host half was gone before it came to life does not live") {
  Manager manager(Child::hangs);
  REQUIRE(call_packet_service(manager.path()));
  manager.serve();
  const int status = manager.status(0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 9);
}

TEST_CASE("where nobody starts packet halves, the sentence says what is missing") {
  const auto none = call_packet_service("/tmp/culvert-no-such-folder/packets");
  REQUIRE(!none);
  CHECK(none.error().find("culvert-packets.socket") != std::string::npos);
  CHECK(!call_packet_service(std::string(200, 'x')));
}
