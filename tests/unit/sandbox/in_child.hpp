// SPDX-License-Identifier: MIT
// Tries something in a process of its own, which may die of it.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace culvert::sandbox {

/// How a child ended that ran `action` and exited with what it returned: "exit 0", "signal 31".
template <class Action>
std::string end_of_child(Action&& action) {
  const pid_t child = ::fork();
  if (child < 0) return "no child";
  if (child == 0) ::_exit(action());
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  return "exit " + std::to_string(WEXITSTATUS(status));
}

}  // namespace culvert::sandbox
