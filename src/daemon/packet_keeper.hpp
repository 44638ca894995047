// SPDX-License-Identifier: MIT
// The host half's hold on the packet half: starts it with its descriptors, answers its requests, passes its log on,
// tells it how the link is, and says when it is gone.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "half_protocol.hpp"
#include "log.hpp"
#include "request_server.hpp"
#include "secret_text.hpp"

namespace asio {
class io_context;
}

namespace culvert::daemon {

/// Called on the thread of the loop.
struct KeeperHandlers {
  /// The packet half is dead and buried. `why` ends a sentence: "died: it was ended by signal 9 (Killed)".
  std::function<void(std::string_view why)> lost;
  std::function<void()> interface_gone;
};

class PacketKeeper {
 public:
  /// `context`, `log` and `interface`, whose value may change, outlive the keeper. \param service  the socket at which
  /// the service manager starts packet halves; empty: they are children of this process.
  PacketKeeper(asio::io_context& context, Log& log, const std::string& interface, std::string service,
               RequestPolicy policy, KeeperHandlers handlers);
  PacketKeeper(const PacketKeeper&) = delete;
  PacketKeeper& operator=(const PacketKeeper&) = delete;
  ~PacketKeeper();

  /// Returns once the packet half serves its sockets. \param descriptors  as `setup` lists them, but for a private
  /// socket, which the keeper makes itself when the bit is set; borrowed: for the call. Throws `SetupError`; nothing
  /// runs then.
  void start(const half::Setup& setup, std::vector<int> descriptors);
  [[nodiscard]] bool runs() const noexcept;
  /// As it says itself: to be shown, not to be signalled.
  [[nodiscard]] int pid() const noexcept;
  /// Kept and sent again until the packet half takes it.
  void tell(const half::Link& link);
  /// Lost when the packet half takes nothing: it is about to end.
  void tell(const half::Reload& reload);
  /// One operation of the UAPI over the private socket, and its whole answer. Answers the packet half's requests
  /// meanwhile. Error: a sentence, and the answer is unknown; after an answer without end the packet half is ended.
  /// \param within  30 s are enough for the largest operation on the slowest machine.
  [[nodiscard]] Result<control::SecretText, std::string> exchange(
      const control::SecretText& operation, std::chrono::steady_clock::duration within = std::chrono::seconds(30));
  /// Since the packet half was last heard of.
  [[nodiscard]] std::chrono::steady_clock::duration silence() const noexcept;
  /// Kills a packet half that is of no use any more; `lost` is called with `why` unless it is gone already.
  void give_up(std::string_view why);
  /// Asks it to end and waits for that, 2 s at most.
  void end();

  [[nodiscard]] RequestServer& requests() noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace culvert::daemon
