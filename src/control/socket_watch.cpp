// SPDX-License-Identifier: MIT
#include "socket_watch.hpp"

#include <sys/inotify.h>

#include <array>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>

namespace culvert::control {
namespace {

using Descriptor = asio::posix::stream_descriptor;

constexpr auto kFileCheckInterval = std::chrono::seconds(1);

}  // namespace

struct SocketWatch::State : std::enable_shared_from_this<State> {
  State(asio::io_context& context, const UapiSocket& watched, std::function<void()> called)
      : socket(watched), gone(std::move(called)), watch(context), timer(context) {}

  /// An inode that is still in use, as ours is, says ATTRIB when its last name goes.
  void start() {
    io::UniqueFd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    asio::error_code error;
    if (fd && ::inotify_add_watch(fd.get(), socket.path().c_str(), IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF) >= 0) {
      watch.assign(fd.get(), error);
      if (!error) static_cast<void>(fd.release());
    }
    // Also when all is well: the file may have gone before the watch was there.
    check_after(std::chrono::seconds(0));
  }

  void close() noexcept {
    open = false;
    asio::error_code ignored;
    watch.close(ignored);
    timer.cancel();
  }

  void wait_for_event() {
    watch.async_wait(Descriptor::wait_read, [self = shared_from_this()](const asio::error_code& error) {
      if (error || !self->open) return;
      alignas(inotify_event) std::array<char, 4096> events;
      while (::read(self->watch.native_handle(), events.data(), events.size()) > 0) {
      }
      self->check();
    });
  }

  void check_after(std::chrono::seconds delay) {
    timer.expires_after(delay);
    timer.async_wait([self = shared_from_this()](const asio::error_code& error) {
      if (!error && self->open) self->check();
    });
  }

  void check() {
    if (!socket.file_is_ours()) return gone();
    // Without inotify, of which a user may have few, the file is looked at now and then.
    if (watch.is_open()) return wait_for_event();
    check_after(kFileCheckInterval);
  }

  bool open = true;
  const UapiSocket& socket;
  std::function<void()> gone;
  Descriptor watch;
  asio::steady_timer timer;
};

SocketWatch::SocketWatch(asio::io_context& context, const UapiSocket& socket, std::function<void()> gone)
    : state_(std::make_shared<State>(context, socket, std::move(gone))) {
  state_->start();
}

SocketWatch::~SocketWatch() { state_->close(); }

}  // namespace culvert::control
