// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace culvert::host {

/// Why something could not be done to the host, in words for a person.
struct Failure {
  int code = 0;        // errno, 0 where there is none
  std::string step;    // what was to be done: "route 10.0.0.0/8 over wg0"
  std::string reason;  // what the kernel or the service said
  std::string advice;  // what to do about it; may be empty

  /// "route 10.0.0.0/8 over wg0: Network is down (advice)"
  [[nodiscard]] std::string message() const;
};

/// A failure of a system call, with advice that fits errno.
[[nodiscard]] Failure system_failure(int code, std::string step);

}  // namespace culvert::host
