// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>

namespace asio {
class io_context;
}

namespace culvert::daemon {

/// Turns SIGTERM and SIGINT into a call on the thread that runs the context, and ignores SIGPIPE.
class StopSignals {
 public:
  /// \param stop  called with the signal's number, once for each signal.
  StopSignals(asio::io_context& context, std::function<void(int)> stop);
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace culvert::daemon
