// SPDX-License-Identifier: MIT
#include "sockets.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "failure.hpp"

namespace culvert::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostOctets = std::size_t{64} << 20;

/// -1 with errno set where nobody is reached.
io::UniqueFd connect_to(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof name.sun_path) {
    errno = ENAMETOOLONG;
    return io::UniqueFd();
  }
  path.copy(name.sun_path, path.size());
  io::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd.get() >= 0 && ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
    const int error = errno;
    fd.reset();
    errno = error;
  }
  return fd;
}

[[noreturn]] void refuse(std::string_view what, int error) {
  if (error == ENOENT || error == ECONNREFUSED)
    throw Failure(ExitCode::not_running, fmt::format("{} is not running; start it with: culvert up {}", what, what));
  if (error == EACCES || error == EPERM)
    throw Failure(ExitCode::permission, fmt::format("{} may be asked by root alone; try again with sudo", what));
  throw Failure(ExitCode::failed, fmt::format("{} cannot be asked: {}", what, std::generic_category().message(error)));
}

}  // namespace

std::vector<std::string> interfaces_with_status(const SocketFolders& folders) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folders.status, error), end; !error && entry != end;
       entry.increment(error))
    if (entry->path().extension() == ".sock") names.push_back(entry->path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

io::UniqueFd connect_socket(const std::string& path, std::string_view what) {
  io::UniqueFd fd = connect_to(path);
  if (!fd) refuse(what, errno);
  return fd;
}

void send_request(int socket, std::string_view request, std::string_view what) {
  while (!request.empty()) {
    const ssize_t n = ::send(socket, request.data(), request.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) refuse(what, errno);
    request.remove_prefix(static_cast<std::size_t>(n));
  }
}

std::string ask_socket(const std::string& path, std::string_view what, std::string_view request, Ends ends,
                       std::chrono::seconds within) {
  const io::UniqueFd fd = connect_socket(path, what);
  send_request(fd.get(), request, what);
  const auto until = Clock::now() + within;
  std::string text;
  char block[16'384];
  while (text.size() <= kMostOctets) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd wait{fd.get(), POLLIN, 0};
    const int ready = left <= 0 ? 0 : ::poll(&wait, 1, static_cast<int>(left));
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) throw Failure(ExitCode::failed, fmt::format("{} did not answer within {} s", what, within.count()));
    const ssize_t n = ::recv(fd.get(), block, sizeof block, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) refuse(what, errno);
    if (n == 0) return text;
    text.append(block, static_cast<std::size_t>(n));
    if (ends == Ends::at_line && text.back() == '\n') return text;
  }
  throw Failure(ExitCode::failed, fmt::format("{} answers without an end", what));
}

std::string read_status(const SocketFolders& folders, const std::string& interface) {
  return ask_socket(folders.status + "/" + interface + ".sock", interface, "", Ends::at_close,
                    std::chrono::seconds(10));
}

bool is_running(const SocketFolders& folders, const std::string& interface) {
  const auto listens = [](const std::string& path) {
    return connect_to(path).get() >= 0 || errno == EACCES;  // whom we may not ask may well be there
  };
  return listens(folders.status + "/" + interface + ".sock") || listens(folders.uapi + "/" + interface + ".sock");
}

}  // namespace culvert::cli
