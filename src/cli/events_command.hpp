// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "console.hpp"
#include "sockets.hpp"

namespace culvert::cli {

struct EventsOptions {
  std::string name;
};

/// Prints the daemon's events as they come, a line of JSON each, until the daemon ends or the reader does.
/// \throws Failure `not_running` or `permission`.
void follow_events(const EventsOptions& options, const SocketFolders& folders, const Console& console);

}  // namespace culvert::cli
