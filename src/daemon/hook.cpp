// SPDX-License-Identifier: MIT
#include "hook.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>

#include "packet_process.hpp"

namespace culvert::daemon {
namespace {

constexpr const char* kBash = "/bin/bash";
constexpr const char* kShell = "/bin/sh";
constexpr const char* kPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct SpawnSettings {
  /// \param input  -1: there is none.
  explicit SpawnSettings(int input) {
    ::posix_spawn_file_actions_init(&files);
    if (input < 0)
      ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    else
      ::posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
    ::posix_spawn_file_actions_addchdir_np(&files, "/");
    ::posix_spawnattr_init(&attributes);
    sigset_t none;
    sigset_t defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    for (const int signal : {SIGPIPE, SIGINT, SIGTERM, SIGHUP}) sigaddset(&defaults, signal);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &defaults);
    // A group of its own, so that all that it started can be ended with it.
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_t files{};
  posix_spawnattr_t attributes{};
};

}  // namespace

std::string with_interface(std::string_view command, std::string_view interface) {
  std::string result;
  for (std::size_t i = 0; i < command.size(); ++i) {
    if (command.substr(i, 2) == "%i") {
      result += interface;
      ++i;
    } else {
      result += command[i];
    }
  }
  return result;
}

Result<void, std::string> run_hook(const std::string& command, const std::function<bool()>& pump) {
  const char* const shell = ::access(kBash, X_OK) == 0 ? kBash : kShell;
  const SpawnSettings settings(-1);
  std::array<char*, 4> words{const_cast<char*>(shell), const_cast<char*>("-c"), const_cast<char*>(command.c_str()),
                             nullptr};
  std::array<char*, 2> environment{const_cast<char*>(kPath), nullptr};
  pid_t child = -1;
  if (const int error =
          ::posix_spawn(&child, shell, &settings.files, &settings.attributes, words.data(), environment.data());
      error != 0)
    return Err{std::string(shell) + ": " + std::generic_category().message(error)};
  int status = 0;
  for (;;) {
    const pid_t found = ::waitpid(child, &status, WNOHANG);
    if (found == child) break;
    if (found < 0 && errno != EINTR) return Err{std::string("how it ended is unknown")};
    if (pump()) continue;
    ::kill(-child, SIGKILL);
    ::waitpid(child, &status, 0);
    return Err{std::string("it was interrupted")};
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return Err{describe_end(status)};
}

Result<pid_t, std::string> start_program(const std::string& program, int input) {
  const SpawnSettings settings(input);
  std::array<char*, 2> words{const_cast<char*>(program.c_str()), nullptr};
  std::array<char*, 2> environment{const_cast<char*>(kPath), nullptr};
  pid_t child = -1;
  const int error =
      ::posix_spawn(&child, program.c_str(), &settings.files, &settings.attributes, words.data(), environment.data());
  if (error != 0) return Err{program + ": " + std::generic_category().message(error)};
  return child;
}

}  // namespace culvert::daemon
