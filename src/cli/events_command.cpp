// SPDX-License-Identifier: MIT
#include "events_command.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "failure.hpp"
#include "locate.hpp"
#include "unique_fd.hpp"

namespace culvert::cli {

void follow_events(const EventsOptions& options, const SocketFolders& folders, const Console& console) {
  require_interface_name(options.name);
  const std::string path = folders.status + "/" + options.name + ".events";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw Failure(ExitCode::failed, path + ": too long for a socket's path");
  path.copy(address.sun_path, path.size());
  const io::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    if (code_of_errno(error) == ExitCode::permission)
      throw Failure(ExitCode::permission, fmt::format("{}: not yours to read; try sudo", path));
    throw Failure(ExitCode::not_running,
                  fmt::format("{}: no tunnel of that name runs (culvert up {})", options.name, options.name));
  }
  std::array<char, 16384> part;
  for (;;) {
    const ssize_t got = ::read(fd.get(), part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    console.out({part.data(), static_cast<std::size_t>(got)});
  }
}

}  // namespace culvert::cli
