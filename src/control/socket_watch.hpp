// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>

#include "uapi_socket.hpp"

namespace asio {
class io_context;
}

namespace culvert::control {

/// Tells once when the file of a listening socket was deleted, moved or replaced. By custom that ends the daemon.
class SocketWatch {
 public:
  /// `socket` outlives the watch and is not moved. `gone` runs on the thread of `context`, never inside this call, and
  /// may destroy the watch.
  SocketWatch(asio::io_context& context, const UapiSocket& socket, std::function<void()> gone);
  SocketWatch(const SocketWatch&) = delete;
  SocketWatch& operator=(const SocketWatch&) = delete;
  ~SocketWatch();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace culvert::control
