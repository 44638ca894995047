// SPDX-License-Identifier: MIT
// Going to the background such that the caller learns the truth: `wg-quick` runs `wg` as soon as the first process has
// ended, so that must wait until interface and socket exist, and must fail when they do not come to exist.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "unique_fd.hpp"

namespace culvert::daemon {

/// The background process's duty to tell the waiting one how the start went. Dying without a word counts as a failure.
class StartReport {
 public:
  StartReport() noexcept = default;
  explicit StartReport(io::UniqueFd pipe) noexcept : pipe_(std::move(pipe)) {}

  /// The waiting process ends with 0. Standard error goes to /dev/null from here on: log elsewhere.
  /// In the foreground this does nothing.
  void succeeded() noexcept;
  /// The waiting process prints `text` and ends with 1. In the foreground this does nothing.
  void failed(std::string_view text) noexcept;
  [[nodiscard]] bool in_background() const noexcept { return static_cast<bool>(pipe_); }

 private:
  io::UniqueFd pipe_;
};

/// Which of the two processes this is.
struct Detached {
  std::optional<int> exit_code;  // in the process that was started: end with this at once
  StartReport report;            // in the background process
};

/// Forks; the background process leads its own session, stands in "/" and has /dev/null for standard input and output.
/// It lets go of all other descriptors that the caller left open, such as a script's lock file, but for those in
/// `keep`. Returns at once there, and in the first process when the report has come. Must be called before any thread
/// or key exists. A first process that dies while waiting takes the background one along.
[[nodiscard]] Detached detach(std::span<const int> keep = {});

}  // namespace culvert::daemon
