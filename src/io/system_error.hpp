// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <string>

namespace culvert::io {

/// A failed system call, as a value: what was tried, and errno.
struct SystemError {
  int code = 0;
  std::string what;  // "open /dev/net/tun"

  [[nodiscard]] std::string message() const;  // "open /dev/net/tun: No such file or directory"
};

}  // namespace culvert::io
