// SPDX-License-Identifier: MIT
// Serves the UAPI to many clients from the control thread, and never waits for one of them.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "device_control.hpp"
#include "uapi_reader.hpp"
#include "uapi_socket.hpp"

namespace asio {
class io_context;
}

namespace culvert::control {

struct UapiServerOptions {
  std::size_t max_clients = 16;             // past this the oldest idle one makes room
  std::chrono::milliseconds timeout{5000};  // for one operation to arrive, and for any part of a reply to leave
  UapiLimits limits{};
  /// Whose connections are served, whatever the file's mode lets in.
  std::vector<uid_t> allowed_users = {0, ::geteuid()};
  /// `wg` writes the scope of a link-local endpoint as a name. Without a lookup, scopes must be numbers.
  ScopeLookup scope_lookup{};
};

/// Called on the control thread. Empty ones are allowed.
struct UapiEvents {
  /// A sentence for the log: an operation that was refused, a client that was turned away.
  std::function<void(std::string_view)> trouble{};
};

class UapiServer {
 public:
  /// Starts at once. `context` and `device` must outlive the server, and it must die on the thread that runs `context`
  /// or when none does.
  UapiServer(asio::io_context& context, DeviceControl& device, UapiSocket socket, UapiEvents events = {},
             UapiServerOptions options = {});
  UapiServer(const UapiServer&) = delete;
  UapiServer& operator=(const UapiServer&) = delete;
  ~UapiServer();

  /// Serves a connection that is open already, for as long as it is: without a time limit, beyond the count of clients,
  /// and whoever is at the other end. One at a time: another takes its place.
  void serve(io::UniqueFd connection);

  /// Cuts off all clients, stops listening, removes the socket's file.
  void close() noexcept;
  [[nodiscard]] std::size_t clients() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace culvert::control
