// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "console.hpp"
#include "sockets.hpp"

namespace culvert::cli {

struct EventsOptions {
  std::string name;
};

/// Lines that somebody else sends, for a terminal: each is `printable`, and one that does not end is cut.
class PrintableLines {
 public:
  /// What of it can be shown: whole lines. The rest waits for more.
  [[nodiscard]] std::string take(std::string_view part);

 private:
  static constexpr std::size_t kLongest = 65'536;
  std::string unfinished_;
};

/// Prints the daemon's events as they come, a line of JSON each, until the daemon ends or the reader does. A program
/// gets them as they are, a terminal gets them printable.
/// \throws Failure `not_running` or `permission`.
void follow_events(const EventsOptions& options, const SocketFolders& folders, const Console& console);

}  // namespace culvert::cli
