// SPDX-License-Identifier: MIT
#include "landlock.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <csignal>

#include "in_child.hpp"

namespace culvert {
namespace {

using sandbox::end_of_child;
using sandbox::landlock_rights;

bool enter() {
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         sandbox::apply_landlock(landlock_rights(sandbox::landlock_version())).has_value();
}

TEST_CASE("a kernel without Landlock takes nothing") { CHECK(landlock_rights(0) == sandbox::LandlockRights{}); }

TEST_CASE("each version of the kernel's interface is asked for what it knows, and for no more") {
  // LANDLOCK_ACCESS_FS_*: 13 at first, then REFER, TRUNCATE, IOCTL_DEV.
  CHECK(landlock_rights(1).files == 0x1fff);
  CHECK(landlock_rights(2).files == 0x3fff);
  CHECK(landlock_rights(3).files == 0x7fff);
  CHECK(landlock_rights(4).files == 0x7fff);
  CHECK(landlock_rights(5).files == 0xffff);
  CHECK(landlock_rights(9).files == 0xffff);
  CHECK(landlock_rights(3).network == 0);
  CHECK(landlock_rights(4).network == 3);
  CHECK(landlock_rights(5).scopes == 0);
  CHECK(landlock_rights(6).scopes == 3);
  CHECK(landlock_rights(3).octets == 8);
  CHECK(landlock_rights(4).octets == 16);
  CHECK(landlock_rights(6).octets == 24);
}

TEST_CASE("where the kernel has Landlock no file can be opened afterwards, and what was open stays so") {
  if (sandbox::landlock_version() < 1) {
    CHECK_FALSE(sandbox::apply_landlock(landlock_rights(1)).has_value());
    return;
  }
  CHECK(end_of_child([] {
          const int before = ::open("/dev/null", O_RDWR | O_CLOEXEC);
          if (!enter()) return 1;
          if (::open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0 || errno != EACCES) return 2;
          if (::open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 || errno != EACCES) return 3;
          return ::write(before, "x", 1) == 1 ? 0 : 4;
        }) == "exit 0");
}

TEST_CASE("from version 4 no TCP port can be connected to or taken") {
  if (sandbox::landlock_version() < 4) {
    CHECK(landlock_rights(sandbox::landlock_version()).network == 0);
    return;
  }
  CHECK(end_of_child([] {
          if (!enter()) return 1;
          const int tcp = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
          sockaddr_in name{};
          name.sin_family = AF_INET;
          name.sin_port = htons(9);
          name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
          if (::connect(tcp, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0 || errno != EACCES) return 2;
          if (::bind(tcp, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0 || errno != EACCES) return 3;
          return 0;
        }) == "exit 0");
}

TEST_CASE("from version 6 no stranger can be signalled") {
  if (sandbox::landlock_version() < 6) {
    CHECK(landlock_rights(sandbox::landlock_version()).scopes == 0);
    return;
  }
  CHECK(end_of_child([] {
          if (!enter()) return 1;
          return ::kill(::getppid(), 0) != 0 && errno == EPERM ? 0 : 2;
        }) == "exit 0");
}

}  // namespace
}  // namespace culvert
