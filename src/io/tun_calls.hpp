// SPDX-License-Identifier: MIT
#pragma once

#include <poll.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>

namespace culvert::io {

/// The system calls of the TUN files, so that tests can fail each one. They behave as the calls they are named after.
struct TunCalls {
  int (*open)(const char* path, int flags);
  int (*ioctl)(int fd, unsigned long request, void* argument);
  ssize_t (*readv)(int fd, const iovec* parts, int count);
  ssize_t (*writev)(int fd, const iovec* parts, int count);
  ssize_t (*write)(int fd, const void* octets, std::size_t count);
  int (*poll)(pollfd* fds, nfds_t count, int timeout_ms);
};

/// The real ones.
[[nodiscard]] const TunCalls& system_tun_calls() noexcept;

}  // namespace culvert::io
