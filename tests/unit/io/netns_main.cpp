// SPDX-License-Identifier: MIT
// The main of tests that need root and a network namespace: without them it says so, and is skipped (exit code 77).
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

/// errno of unshare, which a child tries.
int unshare_error() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::unshare(CLONE_NEWNET) == 0 ? 0 : errno);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

int skip(const char* what, int error) {
  std::printf("skipped: %s: %s\n", what, std::strerror(error));
  return 77;
}

}  // namespace

int main(int argc, char** argv) {
  if (const int error = unshare_error(); error != 0) return skip("making a network namespace", error);
  const int tun = ::open("/dev/net/tun", O_RDWR);
  if (tun < 0) return skip("opening /dev/net/tun", errno);
  ::close(tun);
  if (std::system("ip -V > /dev/null 2>&1") != 0) return skip("running ip (iproute2)", ENOENT);
  return doctest::Context(argc, argv).run();
}
