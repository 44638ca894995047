// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "listener.hpp"
#include "uapi_socket.hpp"

namespace asio {
class io_context;
}

namespace culvert::control {

/// "/var/run/culvert/NAME.sock".
[[nodiscard]] std::string status_socket_path(std::string_view interface);

/// Tells each of `callers` who connects one document, and closes the connection.
/// At most 16 connections at a time, each for at most 5 s. Runs on the thread of `context`, which outlives it.
class StatusServer {
 public:
  StatusServer(asio::io_context& context, UapiSocket socket, std::function<std::string()> document,
               Callers callers = root_and_own_user());
  StatusServer(const StatusServer&) = delete;
  StatusServer& operator=(const StatusServer&) = delete;
  ~StatusServer();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace culvert::control
