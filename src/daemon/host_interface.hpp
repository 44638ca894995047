// SPDX-License-Identifier: MIT
// The interface and its packet half, as both modes of the daemon have them: TUN queues, the watch over the link, the
// keeper of the packet half.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "arguments.hpp"
#include "link_monitor.hpp"
#include "packet_keeper.hpp"
#include "setup_error.hpp"
#include "tun.hpp"

namespace culvert::daemon {

struct InterfaceWish {
  std::string name;
  std::optional<int> tun_fd;  // an inherited queue
  unsigned lanes = 1;
  OffloadSwitches offloads;
  LogLevel log_level = LogLevel::error;
  std::string aead;  // the backend's name; empty: the fastest
  bool all_metric_names = false;
  std::string packet_socket;  // see PacketKeeper
};

/// Listening sockets for the packet half; -1: none. borrowed: for as long as the interface lives.
struct ServedSockets {
  int uapi = -1;
  int status = -1;
  int events = -1;
  int metrics = -1;
  int capture = -1;
  enum class Private : std::uint8_t { without, with } client = Private::without;  // see PacketKeeper::exchange
};

struct InterfaceHandlers {
  std::function<void()> gone;                      // deleted by somebody else
  std::function<void(std::string_view why)> lost;  // the packet half, see KeeperHandlers
  // The packet half has been told:
  std::function<void()> came_up;                      // the link
  std::function<void(std::string_view how)> strayed;  // it has another name, or is in another network namespace
};

class HostInterface {
 public:
  /// Opens the queues. Throws `SetupError`. `context` and `log` outlive the interface.
  HostInterface(asio::io_context& context, Log& log, const InterfaceWish& wish, InterfaceHandlers handlers);
  HostInterface(const HostInterface&) = delete;
  HostInterface& operator=(const HostInterface&) = delete;

  /// Also again, when the packet half has died: the queues are still the same. Throws `SetupError`.
  void start_packet_half(const ServedSockets& sockets);
  /// From here on the packet half learns how the link is. Throws `SetupError`.
  void watch_link();
  /// Another packet half hears how the link is only now: it opens the port that it was told meanwhile.
  void tell_link();
  /// Whether a capture may be told the secrets of handshakes. The packet half learns it with the link.
  void set_key_log(io::Switch key_log);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::size_t queues() const noexcept { return tun_.queues.size(); }
  [[nodiscard]] PacketKeeper& keeper() noexcept { return keeper_; }

 private:
  void on_link(const LinkEvent& event);
  void probe_link();

  asio::io_context& context_;
  Log& log_;
  InterfaceWish wish_;
  InterfaceHandlers handlers_;
  io::Tun tun_;  // the queues stay open here as well: to ask for the link's state wherever it is
  std::string name_;
  half::Link link_;
  PacketKeeper keeper_;
  std::optional<LinkMonitor> monitor_;
};

/// The value, or a `SetupError` with the error's words.
template <class T, class E>
T require(Result<T, E> result) {
  if (result) {
    if constexpr (std::is_void_v<T>)
      return;
    else
      return std::move(*result);
  }
  if constexpr (std::is_convertible_v<E, std::string>)
    throw SetupError(result.error());
  else if constexpr (requires { result.error().message(); })
    throw SetupError(result.error().message());
  else
    throw SetupError(result.error().text);
}

}  // namespace culvert::daemon
