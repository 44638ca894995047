// SPDX-License-Identifier: MIT
#include <sodium.h>

#include <csignal>
#include <span>

#include "run.hpp"

int main(int argc, char** argv) {
  using namespace culvert::cli;
  // A reader that has gone is met where text is written (see console.cpp).
  std::signal(SIGPIPE, SIG_IGN);
  const Console console = process_console();
  if (sodium_init() < 0) {
    console.err("culvert: the system has no randomness to give\n");
    return static_cast<int>(ExitCode::failed);
  }
  const std::span<const char* const> words(argv, static_cast<std::size_t>(argc));
  return static_cast<int>(run(words.subspan(argc > 0 ? 1 : 0), SocketFolders{}, console));
}
