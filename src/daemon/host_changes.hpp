// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>

#include <culvert/result.hpp>

namespace asio {
class io_context;
}

namespace culvert::daemon {

/// Tells that addresses or routes of this namespace have changed, some time after the last of a burst of changes: then
/// it is worth the while to look at the host again.
class HostChanges {
 public:
  /// `changed` runs on the thread of `context`, which outlives this. Error: errno.
  [[nodiscard]] static Result<HostChanges, int> watch(asio::io_context& context, std::function<void()> changed);

  HostChanges(HostChanges&&) noexcept;
  HostChanges& operator=(HostChanges&&) = delete;
  ~HostChanges();

 private:
  struct State;
  explicit HostChanges(std::unique_ptr<State> state) noexcept;
  std::unique_ptr<State> state_;
};

}  // namespace culvert::daemon
