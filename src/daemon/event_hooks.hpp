// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "log.hpp"

namespace asio {
class io_context;
}

namespace culvert::daemon {

/// Runs programs for each event: it reads the events' socket as anybody may, and starts each program with the event, a
/// line of JSON, on its standard input. The programs run beside the daemon; of more than 8 at a time the rest are left
/// out, and that is logged.
class EventHooks {
 public:
  /// `context` and `log` outlive it. Connects when the socket is served, and again when that ends.
  EventHooks(asio::io_context& context, Log& log, std::string socket_path, std::vector<std::string> programs);
  EventHooks(const EventHooks&) = delete;
  EventHooks& operator=(const EventHooks&) = delete;
  ~EventHooks();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace culvert::daemon
