// SPDX-License-Identifier: MIT
#include "hook.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

using namespace culvert;
using namespace culvert::daemon;

namespace {

using namespace std::chrono_literals;

bool pump() {
  std::this_thread::sleep_for(1ms);
  return true;
}

struct Folder {
  Folder() {
    char pattern[] = "/tmp/culvert-hook-XXXXXX";
    path = ::mkdtemp(pattern);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  [[nodiscard]] std::string content(const std::string& name) const {
    std::stringstream text;
    text << std::ifstream(path + "/" + name).rdbuf();
    return text.str();
  }
  std::string path;
};

}  // namespace

TEST_CASE("%i is the interface, everywhere") {
  CHECK(with_interface("ip link set %i up; echo %i%i %", "wg0") == "ip link set wg0 up; echo wg0wg0 %");
  CHECK(with_interface("", "wg0").empty());
}

TEST_CASE("a hook runs by a shell, in the root, with no environment but a path, and its end is waited for") {
  const Folder folder;
  ::setenv("CULVERT_SECRET_OF_THE_STARTER", "1", 1);
  const auto ran = run_hook("sleep 0.05; { pwd; env | grep -c SECRET; cat; } > " + folder.path + "/out", pump);
  ::unsetenv("CULVERT_SECRET_OF_THE_STARTER");
  if (!ran) FAIL(ran.error());
  CHECK(folder.content("out") == "/\n0\n");
}

TEST_CASE("a program is started without a shell, with what it is to read, and one that is not there is told") {
  const Folder folder;
  std::ofstream(folder.path + "/program") << "#!/bin/sh\ncat > " << folder.path << "/out\n";
  std::filesystem::permissions(folder.path + "/program", std::filesystem::perms::owner_all);
  std::ofstream(folder.path + "/in") << "{\"event\":1}\n";
  const int input = ::open((folder.path + "/in").c_str(), O_RDONLY | O_CLOEXEC);
  const auto child = start_program(folder.path + "/program", input);
  ::close(input);
  if (!child) FAIL(child.error());
  int status = -1;
  REQUIRE(::waitpid(*child, &status, 0) == *child);
  CHECK(status == 0);
  CHECK(folder.content("out") == "{\"event\":1}\n");
  CHECK(start_program(folder.path + "/missing", -1).error().find("missing: No such file") != std::string::npos);
}

TEST_CASE("how a hook failed is told") {
  CHECK(run_hook("exit 7", pump).error() == "it ended with exit code 7");
  CHECK(run_hook("kill -9 $$", pump).error().find("signal 9") != std::string::npos);
}

TEST_CASE("a hook that is waited for no longer is killed with all that it started") {
  const Folder folder;
  int moments = 0;
  const auto ran = run_hook("sleep 1000 & echo $! > " + folder.path + "/pid; wait", [&] {
    std::this_thread::sleep_for(1ms);
    return folder.content("pid").empty() || ++moments < 3;
  });
  CHECK(!ran);
  const int child = std::stoi(folder.content("pid"));
  // The orphan is buried by whoever adopts it.
  for (int i = 0; i < 5000 && std::filesystem::exists("/proc/" + std::to_string(child)); ++i) {
    std::stringstream status;
    status << std::ifstream("/proc/" + std::to_string(child) + "/stat").rdbuf();
    if (status.str().find(") Z ") != std::string::npos) break;
    std::this_thread::sleep_for(1ms);
  }
  CHECK(::access(("/proc/" + std::to_string(child) + "/exe").c_str(), F_OK) != 0);
}
