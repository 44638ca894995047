// SPDX-License-Identifier: MIT
// The front door of a server of this daemon: who comes in, and how many at a time.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "unique_fd.hpp"

namespace asio {
class io_context;
}

namespace culvert::control {

/// Users whose connections are served, whatever the file's mode lets in.
using Callers = std::vector<uid_t>;

/// Root, and the user that this process runs as.
[[nodiscard]] Callers root_and_own_user();

/// The user at the other end of a Unix stream, by the kernel's word. nullopt: it is no such socket.
[[nodiscard]] std::optional<uid_t> caller_of(int connection) noexcept;

/// One who was let in. The place is free for another when every copy of `place` is gone.
struct Visitor {
  io::UniqueFd fd;  // does not block
  std::shared_ptr<void> place;
};

struct ListenerRules {
  std::size_t places = 16;
  std::optional<Callers> callers{};  // nullopt: whoever reaches the socket, such as one of loopback
  /// Called when somebody finds no place, to free one. Without it, or when it frees none, the newcomer is turned away.
  std::function<void()> make_room{};
};

/// Lets visitors in until it is closed. Without descriptors to spare it waits a moment rather than turn in circles.
/// All calls come on the thread of `context`.
class Listener {
 public:
  /// Starts at once.
  /// \param listening  borrowed: a stream socket that listens and does not block; it outlives the listener.
  /// \param context    outlives the listener.
  Listener(asio::io_context& context, int listening, ListenerRules rules, std::function<void(Visitor)> let_in);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener();

  /// Lets nobody in any more; may be called twice, also from `let_in`. Those who are in stay.
  void close() noexcept;
  [[nodiscard]] std::size_t places_taken() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace culvert::control
