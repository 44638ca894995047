// SPDX-License-Identifier: MIT
#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>

namespace culvert::engine {

/// Calls back each time a borrowed descriptor is readable, until it is destroyed. The descriptor must live longer.
class Watch {
 public:
  Watch(asio::io_context& context, int descriptor, std::function<void()> readable)
      : state_(
            std::make_shared<State>(State{asio::posix::stream_descriptor(context, descriptor), std::move(readable)})) {
    wait(state_);
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() {
    state_->readable = nullptr;
    state_->descriptor.release();
  }

 private:
  struct State {
    asio::posix::stream_descriptor descriptor;
    std::function<void()> readable;
  };
  static void wait(const std::shared_ptr<State>& state) {
    state->descriptor.async_wait(asio::posix::stream_descriptor::wait_read, [state](const asio::error_code& error) {
      if (error || !state->readable) return;
      // The callback may destroy the watch: keep it alive until it returned.
      const auto readable = state->readable;
      readable();
      if (state->readable) wait(state);
    });
  }
  std::shared_ptr<State> state_;
};

}  // namespace culvert::engine
