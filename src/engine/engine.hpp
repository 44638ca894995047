// SPDX-License-Identifier: MIT
// The control thread: owns the Device and the lanes, receives handshake messages on sockets of its own, runs the
// timers, and applies what configuration asks. All calls are made on the thread that runs `context`.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "actions.hpp"
#include "capture.hpp"
#include "device.hpp"
#include "lane_state.hpp"
#include "set_request.hpp"
#include "snapshot.hpp"
#include "status.hpp"
#include "tun.hpp"
#include "udp_open.hpp"
#include "udp_thinning.hpp"

namespace asio {
class io_context;
}

namespace culvert::engine {

struct EngineOptions {
  std::size_t mtu = 1420;
  io::UdpOptions outside;  // port, fwmark and lanes are set by the engine
  const crypto::AeadBackend* aead = nullptr;
};

/// Where the engine gets its sockets: the process itself, or the privileged half.
struct OutsideDoor {
  std::function<Result<io::Outside, io::SystemError>(const io::UdpOptions&)> open;
  /// Marks what the sockets opened last send from now on. On an error they have the mark that they had.
  std::function<Result<void, io::SystemError>(std::uint32_t fwmark)> mark;
  /// Thins what heavy senders send to the control socket of a family, of those opened last: see io/udp_thinning.hpp.
  std::function<Result<void, io::SystemError>(const io::Thinning& thinning)> thin;
  /// The sockets opened last are closed, and no others were opened in their place.
  std::function<void()> closed;
};

struct EngineHandlers {
  /// `peer` is nullptr where the event has none, or none any more. borrowed: during the call.
  std::function<void(const Event& event, const Peer* peer)> event;
  std::function<void(const Notice& notice)> notice;
  /// Packets wait in the capture, which is on; some more may come without another call until they are read.
  std::function<void()> captured{};
  /// Of each handshake, while a capture is on that wishes for it.
  std::function<void(const HandshakeSecrets& secrets)> secrets{};
};

class Engine {
 public:
  /// One lane for each queue of `tun`. The link counts as down until `set_link`.
  Engine(asio::io_context& context, io::Tun tun, EngineOptions options, OutsideDoor door, EngineHandlers handlers);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  /// Applies all of `request`, or nothing: opening the port and marking sockets come first, and all else cannot fail
  /// but for too many peers, which is counted before.
  [[nodiscard]] Result<void, io::SystemError> apply(SetRequest&& request);
  [[nodiscard]] DeviceSnapshot snapshot() const;

  /// Up opens the sockets; an error leaves the link down. Down closes them and forgets all sessions.
  [[nodiscard]] Result<void, io::SystemError> set_link(Link link);
  void set_mtu(std::size_t mtu);

  [[nodiscard]] EngineStatus status() const;

  /// Copies inner packets from now on. One capture at a time: the last one ends.
  /// borrowed: until it ends.
  Capture& start_capture(CaptureWish wish);
  void end_capture();
  /// borrowed: until the next call that changes peers. nullptr: there is none.
  [[nodiscard]] const Peer* peer(PeerId id) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace culvert::engine
