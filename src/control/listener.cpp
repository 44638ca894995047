// SPDX-License-Identifier: MIT
#include "listener.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>

namespace culvert::control {
namespace {

using Descriptor = asio::posix::stream_descriptor;

constexpr std::chrono::milliseconds kPause{200};

/// A caller that went before he was let in.
bool is_callers_doing(int error) noexcept { return error == ECONNABORTED || error == EINTR; }

}  // namespace

Callers root_and_own_user() { return {0, ::geteuid()}; }

std::optional<uid_t> caller_of(int connection) noexcept {
  ucred peer{};
  socklen_t length = sizeof peer;
  // What has no such user, a TCP socket, says -1.
  if (::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 || peer.uid == static_cast<uid_t>(-1))
    return std::nullopt;
  return peer.uid;
}

struct Listener::State : std::enable_shared_from_this<State> {
  State(asio::io_context& context, int listening, ListenerRules wanted, std::function<void(Visitor)> called)
      : descriptor(context, listening), pause(context), rules(std::move(wanted)), let_in(std::move(called)) {}

  void wait() {
    descriptor.async_wait(Descriptor::wait_read, [self = shared_from_this()](const asio::error_code& error) {
      if (!error && self->open) self->accept_one();
    });
  }

  void wait_a_moment() {
    pause.expires_after(kPause);
    pause.async_wait([self = shared_from_this()](const asio::error_code& error) {
      if (!error && self->open) self->accept_one();
    });
  }

  void accept_one() {
    io::UniqueFd fd(::accept4(descriptor.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    // Readable and yet nobody to let in: descriptors or memory are short, and waiting for the socket would not wait.
    if (!fd && !is_callers_doing(errno)) return wait_a_moment();
    if (fd && is_welcome(fd.get()) && has_place()) {
      ++taken;
      // A pointer to nothing: what counts is when the last copy goes.
      std::shared_ptr<void> place(nullptr, [self = shared_from_this()](void*) { --self->taken; });
      let_in(Visitor{std::move(fd), std::move(place)});
    }
    if (open) wait();
  }

  [[nodiscard]] bool is_welcome(int fd) const {
    if (!rules.callers) return true;
    const auto caller = caller_of(fd);
    return caller && std::find(rules.callers->begin(), rules.callers->end(), *caller) != rules.callers->end();
  }

  [[nodiscard]] bool has_place() const {
    if (taken >= rules.places && rules.make_room) rules.make_room();
    return taken < rules.places;
  }

  Descriptor descriptor;
  asio::steady_timer pause;
  ListenerRules rules;
  std::function<void(Visitor)> let_in;
  std::size_t taken = 0;
  bool open = true;
};

Listener::Listener(asio::io_context& context, int listening, ListenerRules rules, std::function<void(Visitor)> let_in)
    : state_(std::make_shared<State>(context, listening, std::move(rules), std::move(let_in))) {
  state_->wait();
}

Listener::~Listener() { close(); }

void Listener::close() noexcept {
  state_->open = false;
  if (state_->descriptor.is_open()) state_->descriptor.release();  // borrowed
  state_->pause.cancel();
}

std::size_t Listener::places_taken() const noexcept { return state_->taken; }

}  // namespace culvert::control
