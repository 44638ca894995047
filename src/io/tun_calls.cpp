// SPDX-License-Identifier: MIT
#include "tun_calls.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace culvert::io {

const TunCalls& system_tun_calls() noexcept {
  static constexpr TunCalls kCalls{
      .open = [](const char* path, int flags) { return ::open(path, flags); },
      .ioctl = [](int fd, unsigned long request, void* argument) { return ::ioctl(fd, request, argument); },
      .readv = ::readv,
      .writev = ::writev,
      .write = ::write,
      .poll = ::poll,
  };
  return kCalls;
}

}  // namespace culvert::io
