// SPDX-License-Identifier: MIT
// The listening end of the UAPI and its file. Whoever can connect can read the private key: the file's mode lets in
// its owner alone from the first moment, without a window between bind and chmod and without touching the umask.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include <culvert/result.hpp>

#include "device_control.hpp"
#include "unique_fd.hpp"

namespace culvert::control {

/// "/var/run/wireguard/NAME.sock", where `wg` looks.
[[nodiscard]] std::string uapi_socket_path(std::string_view interface);

/// Owns the socket and its file: both go when it dies, the file only while it is still this socket's own.
class UapiSocket {
 public:
  /// Makes the directory when it is missing (0755; not its parents) and replaces the file of a process that is gone.
  /// EADDRINUSE: somebody answers there. EEXIST: the file is no socket. EPERM: others may write to the directory.
  [[nodiscard]] static Result<UapiSocket, ControlError> open(std::string path);
  /// Takes over a listening socket that a parent process opened (`WG_UAPI_FD`), and closes `fd` on an error.
  [[nodiscard]] static Result<UapiSocket, ControlError> adopt(int fd);
  /// A listening socket whose file, if any, is another process's to watch and to remove.
  [[nodiscard]] static UapiSocket without_file(io::UniqueFd fd) noexcept { return {std::move(fd), {}}; }

  UapiSocket(UapiSocket&& other) noexcept;
  UapiSocket& operator=(UapiSocket&& other) noexcept;
  ~UapiSocket();

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// False once the file was deleted, moved or replaced.
  [[nodiscard]] bool file_is_ours() const noexcept;
  /// Stops listening and removes the file; may be called twice.
  void close() noexcept;

 private:
  UapiSocket(io::UniqueFd fd, std::string path) noexcept : fd_(std::move(fd)), path_(std::move(path)) {}
  [[nodiscard]] bool note_file() noexcept;

  io::UniqueFd fd_;
  std::string path_;
  dev_t device_ = 0;  // of the file, which is not what fstat says of the socket
  ino_t inode_ = 0;
};

}  // namespace culvert::control
