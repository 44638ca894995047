// SPDX-License-Identifier: MIT
// What /proc/PID/status says of a process's powers. Pure but for `read_own_status`; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <culvert/result.hpp>

namespace culvert::sandbox {

struct ProcessStatus {
  std::uint64_t inheritable = 0, permitted = 0, effective = 0, bounding = 0, ambient = 0;  // sets of capabilities
  bool no_new_privileges = false;
  int seccomp_mode = 0;  // 2: a filter
  bool has_groups = false;

  [[nodiscard]] bool has_capabilities() const noexcept {
    return (inheritable | permitted | effective | ambient) != 0;  // the bounding set alone gives none
  }
};

/// Error: the line that is missing or is none.
[[nodiscard]] Result<ProcessStatus, std::string> parse_process_status(std::string_view text);

/// Of the calling thread. Error: a sentence.
[[nodiscard]] Result<ProcessStatus, std::string> read_own_status();

}  // namespace culvert::sandbox
