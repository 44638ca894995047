// SPDX-License-Identifier: MIT
// A daemon in miniature for daemonize_test: how its start goes is its first argument, where it leaves a note its
// second.
#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <string>

#include "daemonize.hpp"

namespace {

std::string link_target(const char* path) {
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlink(path, target.data(), target.size());
  return length < 0 ? "none" : std::string(target.data(), static_cast<std::size_t>(length));
}

void write_note(const std::string& path) {
  const std::string unfinished = path + ".unfinished";
  std::ofstream(unfinished) << ::getpid() << ' ' << (::getsid(0) == ::getpid() ? "leader" : "member") << ' '
                            << link_target("/proc/self/cwd") << ' ' << link_target("/proc/self/fd/0") << ' '
                            << link_target("/proc/self/fd/1") << ' ' << link_target("/proc/self/fd/2") << ' '
                            << link_target("/proc/self/fd/40") << ' ' << link_target("/proc/self/fd/41") << ' '
                            << link_target("/proc/self/fd/42") << '\n';
  ::rename(unfinished.c_str(), path.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 99;
  const std::string how = argv[1];
  culvert::daemon::Detached detached = culvert::daemon::detach(std::array{41, -1, 1000});
  if (detached.exit_code) return *detached.exit_code;
  if (how == "ready") {
    detached.report.succeeded();
    write_note(argv[2]);
  } else if (how == "fail") {
    detached.report.failed("culvertd: no tunnel today");
  } else if (how == "fail-without-a-word") {
    detached.report.failed("");
  } else if (how == "exit") {
    return 7;
  } else if (how == "crash") {
    ::raise(SIGKILL);
  } else if (how == "hang") {
    write_note(argv[2]);
    ::pause();
  }
  return 0;
}
