// SPDX-License-Identifier: MIT
#include "events_command.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>

#include "locate.hpp"

namespace culvert::cli {

void follow_events(const EventsOptions& options, const SocketFolders& folders, const Console& console) {
  require_interface_name(options.name);
  const io::UniqueFd fd = connect_socket(folders.status + "/" + options.name + ".events", options.name);
  std::array<char, 16384> part;
  for (;;) {
    const ssize_t got = ::read(fd.get(), part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    console.out({part.data(), static_cast<std::size_t>(got)});
  }
}

}  // namespace culvert::cli
