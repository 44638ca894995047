// SPDX-License-Identifier: MIT
#pragma once

#include <span>

#include "console.hpp"
#include "failure.hpp"
#include "sockets.hpp"

namespace culvert::cli {

/// Does what a command line says. Failures become one line on the console and an exit code here, and nowhere else.
/// \param words  without the program's name.
[[nodiscard]] ExitCode run(std::span<const char* const> words, const SocketFolders& folders, const Console& console);

}  // namespace culvert::cli
