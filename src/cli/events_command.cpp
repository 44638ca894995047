// SPDX-License-Identifier: MIT
#include "events_command.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <culvert/printable.hpp>

#include "locate.hpp"

namespace culvert::cli {

std::string PrintableLines::take(std::string_view part) {
  std::string shown;
  while (!part.empty()) {
    const std::size_t room = kLongest - unfinished_.size();
    const std::size_t end = std::min({part.find('\n'), part.size(), room});
    unfinished_ += part.substr(0, end);
    const bool ends = end < part.size() && part[end] == '\n';
    part.remove_prefix(ends ? end + 1 : end);
    if (ends || unfinished_.size() == kLongest) shown += printable(std::exchange(unfinished_, {})) + '\n';
  }
  return shown;
}

void follow_events(const EventsOptions& options, const SocketFolders& folders, const Console& console) {
  const std::string name = interface_named(options.name);
  const io::UniqueFd fd = connect_socket(folders.status + "/" + name + ".events", name);
  std::array<char, 16384> part;
  PrintableLines lines;
  for (;;) {
    const ssize_t got = ::read(fd.get(), part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    const std::string_view octets(part.data(), static_cast<std::size_t>(got));
    if (console.output == Console::Kind::terminal)
      console.out(lines.take(octets));
    else
      console.out(octets);
  }
}

}  // namespace culvert::cli
