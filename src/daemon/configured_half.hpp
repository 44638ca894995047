// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "arguments.hpp"
#include "setup_error.hpp"

namespace culvert::daemon {

/// The host half of an interface that a file configures: it sets the host up and undoes it, keeps a packet half alive,
/// follows the file when told to, and answers `culvert`. Throws `SetupError` when it cannot be set up; then the host is
/// as it was, but for a kill switch that stood before.
class ConfiguredHalf {
 public:
  explicit ConfiguredHalf(const Options& options);
  ConfiguredHalf(const ConfiguredHalf&) = delete;
  ConfiguredHalf& operator=(const ConfiguredHalf&) = delete;
  ~ConfiguredHalf();

  void log_to_system();
  /// Until it is told to end, or the interface is deleted. Then the host is as it was, but for a kill switch that was
  /// raised at boot, unless it was `culvert down` that ended it, and for one whose interface was deleted.
  /// \returns the exit code.
  [[nodiscard]] int run();

  struct State;

 private:
  std::unique_ptr<State> state_;
};

/// `culvertd --guard --config FILE`: raises the kill switch of the file, if it has one, and no tunnel. Throws
/// `SetupError`.
void raise_guard(const Options& options);

/// `culvertd --undo INTERFACE`: undoes what a daemon that crashed has left, and lifts a kill switch, also one that was
/// raised at boot. False: there was neither. Throws `SetupError`.
bool undo(const Options& options);

}  // namespace culvert::daemon
