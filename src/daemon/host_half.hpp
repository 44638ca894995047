// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "arguments.hpp"
#include "setup_error.hpp"

namespace culvert::daemon {

/// One interface, from its set-up until it ends: the half of the daemon that touches the host, and no packet. Throws
/// `SetupError` when it cannot be set up; nothing is left behind.
class HostHalf {
 public:
  explicit HostHalf(const Options& options);
  HostHalf(const HostHalf&) = delete;
  HostHalf& operator=(const HostHalf&) = delete;
  ~HostHalf();

  /// The log goes to the system from here on: the caller's terminal is not ours any longer.
  void log_to_system();

  /// Until a signal, the end of the interface, of the control socket or of the packet half. \returns the exit code.
  [[nodiscard]] int run();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace culvert::daemon
