// SPDX-License-Identifier: MIT
#include "acceptor.hpp"

#include <sys/socket.h>

#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <utility>

namespace culvert::control {
namespace {

constexpr std::chrono::milliseconds kRest{100};

/// The client stays in the queue, so that waiting for one would end at once.
bool is_exhausted(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

}  // namespace

struct Acceptor::State : std::enable_shared_from_this<State> {
  State(asio::io_context& context, int listening, std::function<void(io::UniqueFd)> called)
      : listener(context, listening), rest(context), admit(std::move(called)) {}

  void wait() {
    listener.async_wait(asio::posix::stream_descriptor::wait_read,
                        [self = shared_from_this()](const asio::error_code& error) {
                          if (!error && self->open) self->accept_one();
                        });
  }

  void accept_one() {
    io::UniqueFd client(::accept4(listener.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!client && is_exhausted(errno)) return wait_later();
    if (client) admit(std::move(client));
    if (open) wait();
  }

  void wait_later() {
    rest.expires_after(kRest);
    rest.async_wait([self = shared_from_this()](const asio::error_code& cancelled) {
      if (!cancelled && self->open) self->wait();
    });
  }

  void close() noexcept {
    open = false;
    listener.release();  // the descriptor is its owner's
    rest.cancel();
  }

  asio::posix::stream_descriptor listener;
  asio::steady_timer rest;
  std::function<void(io::UniqueFd)> admit;
  bool open = true;
};

Acceptor::Acceptor(asio::io_context& context, int listening, std::function<void(io::UniqueFd)> admit)
    : state_(std::make_shared<State>(context, listening, std::move(admit))) {
  state_->wait();
}

Acceptor::~Acceptor() { state_->close(); }

}  // namespace culvert::control
