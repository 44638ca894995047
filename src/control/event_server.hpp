// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "event_format.hpp"
#include "listener.hpp"
#include "uapi_socket.hpp"

namespace asio {
class io_context;
}

namespace culvert::control {

/// "/var/run/culvert/NAME.events".
[[nodiscard]] std::string events_socket_path(std::string_view interface);

/// Tells events to each of `callers` who connects, from the moment of connecting until they leave: a line of JSON each,
/// the first of them {"event":"begin"}. At most 16 readers. A reader that leaves 64 KiB unread is cut off with a last
/// line that says so, {"event":"cut"}; it slows nobody down. Events that strangers can provoke, and a peer's moves, are
/// told a few times a second, and how many were left out is told with the next. Runs on the thread of `context`, which
/// outlives it.
class EventServer {
 public:
  static constexpr std::size_t kMaxReaders = 16;
  static constexpr std::size_t kMaxUnread = 64 << 10;
  static constexpr std::uint32_t kStrangersLines = 3;  // of one reason, or of one peer's moves, a second

  EventServer(asio::io_context& context, UapiSocket socket, std::string interface,
              Callers callers = root_and_own_user());
  EventServer(const EventServer&) = delete;
  EventServer& operator=(const EventServer&) = delete;
  ~EventServer();

  /// \param peer  nullptr where the event has none.
  void tell(Now now, const Event& event, const Peer* peer);
  void tell(Now now, const engine::Notice& notice);
  void tell(Now now, const ReloadNews& news);
  /// A line with nothing but a name and a detail, such as "link", "up".
  void tell(Now now, std::string_view event, std::string_view detail);
  void rename(std::string_view interface);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace culvert::control
