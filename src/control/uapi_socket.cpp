// SPDX-License-Identifier: MIT
#include "uapi_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

namespace culvert::control {
namespace {

constexpr mode_t kDirectoryMode = 0755;
constexpr mode_t kSocketMode = 0700;  // what umask 077 leaves of a socket's 0777
constexpr int kAttempts = 3;          // binding competes with others who clean up the same file

ControlError failure(int error, std::string_view what, const std::string& path) {
  return {error, std::string(what) + " " + path + ": " + std::generic_category().message(error)};
}

std::optional<sockaddr_un> socket_address(const std::string& path) noexcept {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return std::nullopt;
  path.copy(address.sun_path, path.size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) noexcept { return reinterpret_cast<const sockaddr*>(&address); }

io::UniqueFd make_socket() noexcept {
  return io::UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

/// Makes the last directory of `path`, and refuses one where others could put their own socket in the place of ours.
Result<void, ControlError> prepare_directory(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return {};
  const std::string directory = path.substr(0, slash);
  if (::mkdir(directory.c_str(), kDirectoryMode) == 0) {
    // The umask may have taken bits that other users' `wg show` needs to see the names.
    if (::chmod(directory.c_str(), kDirectoryMode) != 0) return Err{failure(errno, "chmod", directory)};
    return {};
  }
  if (errno != EEXIST) return Err{failure(errno, "mkdir", directory)};
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) return Err{failure(errno, "stat", directory)};
  if (!S_ISDIR(status.st_mode)) return Err{failure(ENOTDIR, "open", directory)};
  const bool trusted = status.st_uid == 0 || status.st_uid == ::geteuid();
  const bool open_to_others = (status.st_mode & 0022) != 0 && (status.st_mode & S_ISVTX) == 0;
  if (!trusted || open_to_others)
    return Err{ControlError{EPERM, directory + ": other users may write here, and could replace the socket"}};
  return {};
}

enum class Occupant { nobody, alive };

/// Looks at what stands in our place, and removes the socket of a process that is gone.
Result<Occupant, ControlError> clear_stale(const std::string& path, const sockaddr_un& address) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return Occupant::nobody;
    return Err{failure(errno, "stat", path)};
  }
  // A connection to any other kind of file is refused just like one to a dead socket.
  if (!S_ISSOCK(status.st_mode)) return Err{ControlError{EEXIST, path + " exists and is not a socket"}};
  const io::UniqueFd probe = make_socket();
  if (!probe) return Err{failure(errno, "socket for", path)};
  if (::connect(probe.get(), generic(address), sizeof address) == 0) return Occupant::alive;
  switch (errno) {
    case ECONNREFUSED:
      if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Err{failure(errno, "unlink", path)};
      return Occupant::nobody;
    case ENOENT:
      return Occupant::nobody;
    case EAGAIN:  // its queue of clients is full
      return Occupant::alive;
    default:
      return Err{failure(errno, "connect", path)};
  }
}

}  // namespace

std::string uapi_socket_path(std::string_view interface) {
  return "/var/run/wireguard/" + std::string(interface) + ".sock";
}

Result<UapiSocket, ControlError> UapiSocket::open(std::string path) {
  const auto address = socket_address(path);
  if (!address) return Err{failure(ENAMETOOLONG, "bind", path)};
  if (auto prepared = prepare_directory(path); !prepared) return Err{prepared.error()};
  io::UniqueFd fd = make_socket();
  if (!fd) return Err{failure(errno, "socket for", path)};
  // On Linux the mode of an unbound socket becomes that of its file.
  if (::fchmod(fd.get(), kSocketMode) != 0) return Err{failure(errno, "fchmod", path)};

  for (int attempt = 1; ::bind(fd.get(), generic(*address), sizeof *address) != 0; ++attempt) {
    if (errno != EADDRINUSE || attempt == kAttempts) return Err{failure(errno, "bind", path)};
    const auto occupant = clear_stale(path, *address);
    if (!occupant) return Err{occupant.error()};
    if (*occupant == Occupant::alive) return Err{ControlError{EADDRINUSE, path + " is in use by another process"}};
  }
  UapiSocket socket(std::move(fd), std::move(path));
  // At once: `wg` deletes a socket where nobody listens.
  const int listens = ::listen(socket.fd(), SOMAXCONN);
  const int error = errno;
  if (!socket.note_file()) return Err{failure(errno, "stat", socket.path_)};
  if (listens != 0) return Err{failure(error, "listen on", socket.path_)};
  return socket;
}

Result<UapiSocket, ControlError> UapiSocket::adopt(int inherited) {
  io::UniqueFd fd(inherited);
  const std::string name = "descriptor " + std::to_string(inherited);
  int listens = 0;
  socklen_t length = sizeof listens;
  if (::getsockopt(inherited, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) != 0)
    return Err{failure(errno, "inherited", name)};
  sockaddr_un address{};
  socklen_t address_length = sizeof address;
  if (::getsockname(inherited, reinterpret_cast<sockaddr*>(&address), &address_length) != 0)
    return Err{failure(errno, "inherited", name)};
  const std::size_t path_octets = address_length - offsetof(sockaddr_un, sun_path);
  if (address.sun_family != AF_UNIX || listens == 0 || path_octets == 0 || address.sun_path[0] == '\0')
    return Err{ControlError{EINVAL, name + " is not a listening socket with a file"}};
  const int flags = ::fcntl(inherited, F_GETFL);
  if (flags < 0 || ::fcntl(inherited, F_SETFL, flags | O_NONBLOCK) != 0 || ::fcntl(inherited, F_SETFD, FD_CLOEXEC) != 0)
    return Err{failure(errno, "inherited", name)};

  UapiSocket socket(std::move(fd), std::string(address.sun_path, ::strnlen(address.sun_path, path_octets)));
  if (!socket.note_file()) return Err{failure(errno, "stat", socket.path_)};
  return socket;
}

UapiSocket::UapiSocket(UapiSocket&& other) noexcept
    : fd_(std::move(other.fd_)),
      path_(std::exchange(other.path_, {})),
      device_(other.device_),
      inode_(std::exchange(other.inode_, 0)) {}

UapiSocket& UapiSocket::operator=(UapiSocket&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::move(other.fd_);
    path_ = std::exchange(other.path_, {});
    device_ = other.device_;
    inode_ = std::exchange(other.inode_, 0);
  }
  return *this;
}

UapiSocket::~UapiSocket() { close(); }

bool UapiSocket::file_is_ours() const noexcept {
  struct stat status {};
  return inode_ != 0 && ::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_;
}

void UapiSocket::close() noexcept {
  // The file first: while the socket still holds its inode, no other file can have got that number.
  if (file_is_ours()) ::unlink(path_.c_str());
  inode_ = 0;
  fd_.reset();
}

bool UapiSocket::note_file() noexcept {
  struct stat status {};
  if (::lstat(path_.c_str(), &status) != 0) return false;
  device_ = status.st_dev;
  inode_ = status.st_ino;
  return true;
}

}  // namespace culvert::control
