// SPDX-License-Identifier: MIT
// Clients of a listening socket, one after the other; a process that has no descriptor left for one rests, where it
// would otherwise be woken for the same client without end.
#pragma once

#include <functional>
#include <memory>

#include <asio/io_context.hpp>

#include "unique_fd.hpp"

namespace culvert::control {

/// On the thread of the context.
class Acceptor {
 public:
  /// \param listening  borrowed: while this lives. Not blocking.
  /// \param admit  gets each client, not blocking and closed on exec. It may end the acceptor.
  Acceptor(asio::io_context& context, int listening, std::function<void(io::UniqueFd)> admit);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace culvert::control
