// SPDX-License-Identifier: MIT
// Serves /var/run/culvert/NAME.host: one line in, one line out (host_words.hpp), for root and our own user.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "host_words.hpp"
#include "uapi_socket.hpp"

namespace asio {
class io_context;
}

namespace culvert::daemon {

class HostServer {
 public:
  /// Sends one answer; may be called later, and does nothing when the client has gone.
  using Reply = std::function<void(const control::HostAnswer&)>;
  using Handler = std::function<void(const control::HostRequest&, Reply)>;

  /// Starts at once. At most 8 clients at a time, each has 5 s for its line, and the answer 5 s to leave. `context` and
  /// `socket` outlive the server; all calls come on the thread of the loop.
  HostServer(asio::io_context& context, const control::UapiSocket& socket, Handler handler);
  HostServer(const HostServer&) = delete;
  HostServer& operator=(const HostServer&) = delete;
  ~HostServer();

  /// Answers that are still on their way.
  [[nodiscard]] std::size_t busy() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace culvert::daemon
