// SPDX-License-Identifier: MIT
#include "signals.hpp"

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>
#include <csignal>

namespace culvert::daemon {

struct StopSignals::State : std::enable_shared_from_this<State> {
  State(asio::io_context& context, std::function<void(int)> call)
      : signals(context, SIGTERM, SIGINT), stop(std::move(call)) {}

  void wait() {
    signals.async_wait([self = shared_from_this()](const asio::error_code& error, int signal) {
      if (error || !self->open) return;
      self->wait();
      self->stop(signal);
    });
  }

  asio::signal_set signals;
  std::function<void(int)> stop;
  bool open = true;
};

StopSignals::StopSignals(asio::io_context& context, std::function<void(int)> stop)
    : state_(std::make_shared<State>(context, std::move(stop))) {
  // A log or a client that went away must not take the tunnel along.
  std::signal(SIGPIPE, SIG_IGN);
  state_->wait();
}

StopSignals::~StopSignals() {
  state_->open = false;
  asio::error_code ignored;
  state_->signals.cancel(ignored);
  state_->signals.clear(ignored);
}

}  // namespace culvert::daemon
