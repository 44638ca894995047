// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "capture.hpp"
#include "listener.hpp"
#include "snapshot.hpp"
#include "uapi_socket.hpp"

namespace asio {
class io_context;
}

namespace culvert::control {

/// What the server needs of the engine; all on the control thread.
struct CaptureCalls {
  /// borrowed: the capture, until `end`.
  std::function<engine::Capture&(engine::CaptureWish wish)> start;
  std::function<void()> end;
  std::function<const Peer*(PeerId id)> peer;
  std::function<DeviceSnapshot()> snapshot;
  /// A sentence for the log: who captures what.
  std::function<void(std::string_view)> note{};
};

/// Whether the configuration lets the secrets of handshakes out.
enum class KeyLog : std::uint8_t { forbidden, allowed };

/// Streams inner packets to one of `callers` at a time (capture_words.hpp), for as long as it stays connected. A reader
/// that is slow loses packets, which are counted; it holds at most a ring a lane and one buffer. Nothing is copied
/// while nobody captures. Runs on the thread of `context`, which outlives it.
class CaptureServer {
 public:
  CaptureServer(asio::io_context& context, UapiSocket socket, std::string interface, CaptureCalls calls,
                Callers callers = root_and_own_user());
  CaptureServer(const CaptureServer&) = delete;
  CaptureServer& operator=(const CaptureServer&) = delete;
  /// Ends the capture, if one is on.
  ~CaptureServer();

  /// Forbidden at first. A capture that is told secrets ends when they become forbidden.
  void set_key_log(KeyLog key_log);
  /// Packets wait in the capture.
  void captured();
  void tell(const engine::HandshakeSecrets& secrets);
  void rename(std::string_view interface);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace culvert::control
