// SPDX-License-Identifier: MIT
// What the outside world does to our interface: up, down, MTU, name, removal. The kernel tells over rtnetlink, but only
// inside one network namespace; an interface that is elsewhere is asked once a second through `probe`.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <culvert/bytes.hpp>
#include <culvert/result.hpp>

namespace asio {
class io_context;
}

namespace culvert::daemon {

/// The link as the kernel last described it.
struct LinkState {
  bool up = false;  // administratively: IFF_UP
  std::uint32_t mtu = 0;
  std::string name;

  friend bool operator==(const LinkState&, const LinkState&) = default;
};

namespace link {
struct Up {};
struct Down {};
struct MtuChanged {
  std::uint32_t mtu;
};
struct Renamed {
  std::string name;
};
/// Into another network namespace. It lives on, out of sight.
struct Moved {};
struct Deleted {};
}  // namespace link

using LinkEvent = std::variant<link::Up, link::Down, link::MtuChanged, link::Renamed, link::Moved, link::Deleted>;

/// One rtnetlink message about one link, or the end of the list of all links.
struct LinkMessage {
  enum class Kind : std::uint8_t { state, deleted, moved, end_of_list };

  Kind kind = Kind::state;
  int index = 0;
  LinkState state;  // for Kind::state
};

/// What a received buffer, aligned for netlink headers, says about links. Messages of other kinds are left out; a
/// malformed rest is ignored.
[[nodiscard]] std::vector<LinkMessage> parse_link_messages(Bytes octets);
/// What changed. Without a previous state: up or down, and the MTU.
[[nodiscard]] std::vector<LinkEvent> link_events(const std::optional<LinkState>& previous, const LinkState& current);

struct LinkHandlers {
  std::function<void(const LinkEvent&)> event;
  /// Each second while the interface is out of sight: ask the TUN descriptor itself.
  std::function<void()> probe;
};

class LinkMonitor {
 public:
  /// Watches the interface with this index in the namespace of the calling thread, and asks for its state at once.
  /// \param index  0 when it is known to be in another namespace.
  /// Handlers run on the thread that runs `context`, never inside this call. Error: errno.
  [[nodiscard]] static Result<LinkMonitor, int> open(asio::io_context& context, int index, LinkHandlers handlers);

  LinkMonitor(LinkMonitor&&) noexcept;
  LinkMonitor& operator=(LinkMonitor&&) noexcept;
  ~LinkMonitor();

  struct State;

 private:
  explicit LinkMonitor(std::shared_ptr<State> state) noexcept;
  std::shared_ptr<State> state_;
};

}  // namespace culvert::daemon
