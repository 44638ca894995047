// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "uapi_socket.hpp"

namespace asio {
class io_context;
}

namespace culvert::control {

/// "/var/run/culvert/NAME.sock".
[[nodiscard]] std::string status_socket_path(std::string_view interface);

/// Tells everybody who may connect (the socket's file decides: its owner) one document, and closes the connection.
/// At most 16 connections at a time, each for at most 5 s. Runs on the thread of `context`, which outlives it.
class StatusServer {
 public:
  StatusServer(asio::io_context& context, UapiSocket socket, std::function<std::string()> document);
  StatusServer(const StatusServer&) = delete;
  StatusServer& operator=(const StatusServer&) = delete;
  ~StatusServer();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace culvert::control
