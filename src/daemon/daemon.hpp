// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <stdexcept>

#include "arguments.hpp"
#include "daemonize.hpp"

namespace culvert::crypto {
class AeadBackend;
}

namespace culvert::daemon {

/// One interface, from its set-up until it ends. Throws `SetupError` when it cannot be set up; nothing is left behind.
class Daemon {
 public:
  /// \param aead  outlives the daemon; nullptr: the fastest of those that seal. Benchmarks pass one that does not.
  explicit Daemon(const Options& options, const crypto::AeadBackend* aead = nullptr);
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon();

  /// The log goes to the system from here on: the caller's terminal is not ours any longer.
  void log_to_system();

  /// Until a signal, the end of the interface or of the control socket. \returns the exit code.
  [[nodiscard]] int run();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Why the set-up failed, as one line for people.
class SetupError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace culvert::daemon
