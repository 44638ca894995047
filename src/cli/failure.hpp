// SPDX-License-Identifier: MIT
#pragma once

#include <stdexcept>
#include <string>

namespace culvert::cli {

/// Exit codes of `culvert`, as culvert(8) lists them.
enum class ExitCode : int {
  ok = 0,
  failed = 1,
  usage = 2,        // the command line
  invalid = 3,      // the configuration
  not_running = 4,  // there is no tunnel of that name
  permission = 5,
};

/// Ends a verb: one sentence for standard error, which says what to do, and the exit code. Caught once, in `run`.
class Failure : public std::runtime_error {
 public:
  Failure(ExitCode code, const std::string& sentence) : std::runtime_error(sentence), code_(code) {}
  [[nodiscard]] ExitCode code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

/// Whoever read standard output has gone (`culvert status | head`): for a verb that only shows things this is a good
/// end.
class ReaderGone : public Failure {
 public:
  ReaderGone() : Failure(ExitCode::failed, "standard output: nobody reads it any more") {}
};

/// The code for a failed system call: EACCES and EPERM are a matter of permission.
[[nodiscard]] ExitCode code_of_errno(int error) noexcept;

}  // namespace culvert::cli
