// SPDX-License-Identifier: MIT
#include "link_monitor.hpp"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>

namespace culvert::daemon {
namespace {

constexpr auto kProbeInterval = std::chrono::seconds(1);

struct MnlClose {
  void operator()(mnl_socket* socket) const noexcept { mnl_socket_close(socket); }
};
using MnlSocket = std::unique_ptr<mnl_socket, MnlClose>;

/// Asks for the state of all links: the answers arrive like news, and after the last one it is known who is missing.
int request_links(mnl_socket* socket) noexcept {
  alignas(nlmsghdr) std::array<char, 256> buffer{};
  nlmsghdr* const header = mnl_nlmsg_put_header(buffer.data());
  header->nlmsg_type = RTM_GETLINK;
  header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  auto* const info = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(header, sizeof(ifinfomsg)));
  info->ifi_family = AF_UNSPEC;
  return mnl_socket_sendto(socket, header, header->nlmsg_len) < 0 ? errno : 0;
}

}  // namespace

struct LinkMonitor::State : std::enable_shared_from_this<State> {
  State(asio::io_context& context, MnlSocket opened, int watched, LinkHandlers called)
      : socket(std::move(opened)),
        readable(context, mnl_socket_get_fd(socket.get())),
        timer(context),
        index(watched),
        handlers(std::move(called)) {}
  ~State() { close(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void close() noexcept {
    open = false;
    if (readable.is_open()) readable.release();  // mnl closes the descriptor
    timer.cancel();
  }

  void listen() {
    readable.async_wait(asio::posix::stream_descriptor::wait_read,
                        [self = shared_from_this()](const asio::error_code& error) {
                          if (error || !self->open) return;
                          self->read_news();
                          if (self->open) self->listen();
                        });
  }

  void read_news() {
    for (;;) {
      const ssize_t got = ::recv(mnl_socket_get_fd(socket.get()), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got > 0) {
        for (const LinkMessage& message : parse_link_messages(Bytes(buffer).first(static_cast<std::size_t>(got)))) {
          take(message);
          if (!open) return;
        }
      } else if (got < 0 && errno == ENOBUFS) {
        listed = false;
        request_links(socket.get());  // news were lost
      } else if (got == 0 || errno != EINTR) {
        return;
      }
    }
  }

  void take(const LinkMessage& message) {
    if (message.kind == LinkMessage::Kind::end_of_list && !listed) return lose_sight();
    if (message.index != index || index == 0) return;
    switch (message.kind) {
      case LinkMessage::Kind::state: {
        listed = true;
        const auto events = link_events(state, message.state);
        state = message.state;
        for (const LinkEvent& event : events)
          if (open) emit(event);
        return;
      }
      case LinkMessage::Kind::deleted:
        listed = true;
        index = 0;  // the number may be given to another interface
        return emit(link::Deleted{});
      case LinkMessage::Kind::moved:
        emit(link::Moved{});
        if (open) lose_sight();
        return;
      case LinkMessage::Kind::end_of_list:
        return;
    }
  }

  /// It is in another namespace, or gone without a message that reached us: its own descriptor knows.
  void lose_sight() {
    listed = true;
    index = 0;
    probe_later();
  }

  void emit(const LinkEvent& event) const {
    if (handlers.event) handlers.event(event);
  }

  void probe_later() {
    timer.expires_after(kProbeInterval);
    timer.async_wait([self = shared_from_this()](const asio::error_code& error) {
      if (error || !self->open) return;
      if (self->handlers.probe) self->handlers.probe();
      if (self->open) self->probe_later();
    });
  }

  MnlSocket socket;
  asio::posix::stream_descriptor readable;
  asio::steady_timer timer;
  int index;
  LinkHandlers handlers;
  std::optional<LinkState> state;
  bool listed = false;  // the list of links, last asked for, named ours
  bool open = true;
  alignas(nlmsghdr) std::array<std::uint8_t, 32768> buffer;  // the kernel fills up to 32 KiB of a dump at once
};

Result<LinkMonitor, int> LinkMonitor::open(asio::io_context& context, int index, LinkHandlers handlers) {
  MnlSocket socket(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket || mnl_socket_bind(socket.get(), RTMGRP_LINK, MNL_SOCKET_AUTOPID) != 0) return Err{errno};
  if (const int error = request_links(socket.get()); error != 0) return Err{error};
  auto state = std::make_shared<State>(context, std::move(socket), index, std::move(handlers));
  state->listen();
  return LinkMonitor(std::move(state));
}

LinkMonitor::LinkMonitor(std::shared_ptr<State> state) noexcept : state_(std::move(state)) {}
LinkMonitor::LinkMonitor(LinkMonitor&&) noexcept = default;

LinkMonitor& LinkMonitor::operator=(LinkMonitor&& other) noexcept {
  if (this != &other) {
    if (state_) state_->close();
    state_ = std::move(other.state_);
  }
  return *this;
}

LinkMonitor::~LinkMonitor() {
  if (state_) state_->close();
}

}  // namespace culvert::daemon
