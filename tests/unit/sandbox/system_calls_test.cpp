// SPDX-License-Identifier: MIT
// Each attempt is made in a child that has shut itself in, by the number of the call, as code that an attacker brought
// would make it.
#include "system_calls.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <latch>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "in_child.hpp"

namespace culvert {
namespace {

using sandbox::end_of_child;
using sandbox::Filter;

#ifdef CULVERT_FILTER_SYSTEM_CALLS

const std::string kKilled = "signal " + std::to_string(SIGSYS);

bool enter(std::optional<int> lifeline = std::nullopt) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  const auto filter = sandbox::filter_system_calls(lifeline);
  return filter.has_value() && *filter == Filter::kill;
}

/// How a child ends that makes one system call inside; "exit 99": it could not get inside.
template <class... Arguments>
std::string end_of(long call, Arguments... arguments) {
  return end_of_child([=] {
    if (!enter()) return 99;
    return ::syscall(call, arguments...) < 0 ? errno : 0;
  });
}

TEST_CASE("no program is executed, and no process or thread made") {
  CHECK(end_of(SYS_execve, "/bin/true", nullptr, nullptr) == kKilled);
  CHECK(end_of(SYS_execveat, AT_FDCWD, "/bin/true", nullptr, nullptr, 0) == kKilled);
  CHECK(end_of(SYS_clone, SIGCHLD, 0, 0, 0, 0) == kKilled);
  CHECK(end_of(435 /* clone3 */, nullptr, 0) == kKilled);
  CHECK(end_of_child([] {
          if (!enter()) return 99;
          std::thread([] {}).join();
          return 0;
        }) == kKilled);
}

TEST_CASE("no socket is made, named or connected") {
  for (const int family : {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK, AF_PACKET})
    CHECK(end_of(SYS_socket, family, SOCK_DGRAM, 0) == kKilled);
  const sockaddr_in name{};
  CHECK(end_of(SYS_bind, 0, &name, sizeof name) == kKilled);
  CHECK(end_of(SYS_connect, 0, &name, sizeof name) == kKilled);
  CHECK(end_of(SYS_listen, 0, 1) == kKilled);
  CHECK(end_of(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, nullptr) == kKilled);
  CHECK(end_of(SYS_sendto, 0, "x", 1, 0, &name, sizeof name) == kKilled);
}

TEST_CASE("no file is opened: what a library may try in passing is refused, all else ends it") {
  const std::string refused = "exit " + std::to_string(EACCES);
  CHECK(end_of(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY, 0) == refused);
  CHECK(end_of(SYS_openat, AT_FDCWD, "/tmp/culvert-never", O_CREAT | O_WRONLY, 0600) == refused);
  CHECK(end_of(SYS_newfstatat, AT_FDCWD, "/etc/passwd", nullptr, 0) == refused);
  CHECK(end_of(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0) == refused);
  CHECK(end_of(437 /* openat2 */, AT_FDCWD, "/etc/passwd", nullptr, 0) == kKilled);
  CHECK(end_of(SYS_open_by_handle_at, 0, nullptr, 0) == kKilled);
  CHECK(end_of(SYS_unlinkat, AT_FDCWD, "/tmp/culvert-never", 0) == kKilled);
  CHECK(end_of(SYS_memfd_create, "x", 0) == kKilled);
}

TEST_CASE("no other process is touched") {
  CHECK(end_of(SYS_kill, 1, 0) == kKilled);
  CHECK(end_of(SYS_kill, ::getpid(), SIGTERM) == kKilled);
  CHECK(end_of(SYS_tgkill, ::getpid(), ::getpid(), 0) == kKilled);
  CHECK(end_of(SYS_ptrace, PTRACE_TRACEME, 0, nullptr, nullptr) == kKilled);
  CHECK(end_of(SYS_process_vm_readv, 1, nullptr, 0, nullptr, 0, 0) == kKilled);
  CHECK(end_of(SYS_setuid, 0) == kKilled);
  CHECK(end_of(SYS_bpf, 0, nullptr, 0) == kKilled);
  CHECK(end_of(425 /* io_uring_setup */, 1, nullptr) == kKilled);
}

TEST_CASE("no memory becomes code") {
  CHECK(end_of(SYS_mmap, nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == kKilled);
  CHECK(end_of(SYS_mprotect, nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) == kKilled);
  CHECK(end_of(SYS_pkey_mprotect, nullptr, 4096, PROT_EXEC, -1) == kKilled);
  CHECK(end_of(SYS_personality, 0x0400000) == kKilled);
}

TEST_CASE("descriptors do what they were given for, and nothing else") {
  ifreq request{};
  CHECK(end_of(SYS_ioctl, 0, TUNSETIFF, &request) == kKilled);
  CHECK(end_of(SYS_ioctl, 0, TIOCSTI, "x") == kKilled);
  CHECK(end_of(SYS_ioctl, 0, 0x1'0000'0000UL | TIOCSTI, "x") == kKilled);
  CHECK(end_of(SYS_fcntl, 0, F_SETOWN, 1) == kKilled);
  CHECK(end_of(SYS_fcntl, 0, F_DUPFD, 10) == kKilled);
  for (const int how : {SHUT_RD, SHUT_RDWR}) CHECK(end_of(SYS_shutdown, 0, how) == kKilled);
  const int value = 1;
  CHECK(end_of(SYS_setsockopt, 0, SOL_SOCKET, SO_MARK, &value, sizeof value) == kKilled);
  CHECK(end_of(SYS_setsockopt, 0, SOL_SOCKET, SO_ATTACH_FILTER, &value, sizeof value) == kKilled);
  CHECK(end_of(SYS_setsockopt, 0, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2) == kKilled);
  CHECK(end_of(SYS_setsockopt, 0, IPPROTO_TCP, UDP_SEGMENT, &value, sizeof value) == kKilled);
}

TEST_CASE("the lifeline is neither closed nor silenced, and other descriptors are not concerned") {
  const auto end_with_lifeline = [](long call, auto... arguments) {
    return end_of_child([=] {
      int pair[2];
      if (::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0 || pair[0] == 0 || !enter(pair[0])) return 99;
      return ::syscall(call, pair[0], arguments...) < 0 ? errno : 0;
    });
  };
  CHECK(end_with_lifeline(SYS_close) == kKilled);
  CHECK(end_with_lifeline(SYS_fcntl, F_SETFL, 0) == kKilled);
  CHECK(end_with_lifeline(SYS_fcntl, 0x1'0000'0000L | F_SETFL, 0) == kKilled);
  CHECK(end_with_lifeline(SYS_fcntl, F_GETFL) == "exit 0");
  CHECK(end_of_child([] {
          int pair[2];
          if (::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0 || !enter(pair[0])) return 99;
          ::syscall(SYS_close, 0x1'0000'0000L | pair[0]);
          return 0;
        }) == kKilled);
  CHECK(end_of_child([] {
          int pair[2];
          if (::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0 || !enter(pair[0])) return 99;
          return ::fcntl(pair[1], F_SETFL, 0) == 0 && ::close(pair[1]) == 0 ? 0 : 1;
        }) == "exit 0");
}

TEST_CASE(
    "the life of the packet half goes on inside: memory, descriptors, waiting, exceptions, threads that there are") {
  CHECK(end_of_child([] {
          int pair[2];
          if (::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return 1;
          std::latch inside(1);
          bool carried = false;
          std::thread other([&] {
            inside.wait();
            // An arena of its own for this thread, large blocks, and giving all back.
            for (std::size_t octets = 16; octets < (64U << 20); octets *= 4) {
              std::vector<std::unique_ptr<char[]>> blocks;
              for (int i = 0; i < 8; ++i) blocks.push_back(std::make_unique<char[]>(octets));
            }
            carried = ::write(pair[0], "packet", 6) == 6;
          });
          if (!enter()) return 99;
          inside.count_down();
          other.join();
          char taken[8];
          if (!carried || ::read(pair[1], taken, sizeof taken) != 6) return 2;
          try {
            throw std::runtime_error("as any exception");
          } catch (const std::exception&) {
          }
          if (::fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0) return 3;
          return ::shutdown(pair[0], SHUT_WR) == 0 && ::close(pair[0]) == 0 ? 0 : 4;
        }) == "exit 0");
}

TEST_CASE("all threads are inside, not only the one that closed the door") {
  CHECK(end_of_child([] {
          std::latch inside(1);
          std::thread other([&] {
            inside.wait();
            ::syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0);
          });
          if (!enter()) return 99;
          inside.count_down();
          other.join();
          return 0;
        }) == kKilled);
}

/// What the program says when it ends is not for the test's report, and that it ends not for the test's framework.
bool enter_quietly() {
  return std::signal(SIGABRT, SIG_DFL) != SIG_ERR && std::freopen("/dev/null", "w", stderr) != nullptr && enter();
}

TEST_CASE("abort, and an exception that nobody takes, end it by their own signal") {
  const std::string aborted = "signal " + std::to_string(SIGABRT);
  CHECK(end_of_child([] {
          if (!enter_quietly()) return 99;
          std::abort();
        }) == aborted);
  CHECK(end_of_child([] {
          if (!enter_quietly()) return 99;
          try {
            throw std::runtime_error("that nobody takes");
          } catch (...) {
            std::terminate();  // with the words that the run-time library finds for it
          }
        }) == aborted);
}

#else

TEST_CASE("a build with sanitizers leaves the filter out, and says so") {
  const auto filter = sandbox::filter_system_calls();
  REQUIRE(filter.has_value());
  CHECK(*filter == Filter::left_out);
}

#endif

}  // namespace
}  // namespace culvert
