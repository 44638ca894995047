// SPDX-License-Identifier: MIT
// Tunnels learn of each other by their journals. Whoever reads those of others to decide what to write into his own,
// or what to undo, has this lock meanwhile, so that two who start or end at once do not both take themselves for the
// only one. It is held for files and calls of the kernel, and while resolved is asked whether it is there; never while
// a service sets something.
#pragma once

#include <chrono>
#include <string>

#include <culvert/result.hpp>

#include "host_failure.hpp"
#include "unique_fd.hpp"

namespace culvert::host {

/// The file "lock" in the folder of the journals, which stays there. Let go of when this ends, and by the kernel when
/// its holder dies, however it does.
class JournalLock {
 public:
  /// Waits for whoever has it, which is for as long as a disk needs to write a line.
  /// \param patience  then it is a failure: a process that is stopped holds up nobody for ever
  [[nodiscard]] static Result<JournalLock, Failure> take(const std::string& folder, std::chrono::milliseconds patience);

 private:
  explicit JournalLock(io::UniqueFd file) : file_(std::move(file)) {}

  io::UniqueFd file_;
};

}  // namespace culvert::host
