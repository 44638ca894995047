// SPDX-License-Identifier: MIT
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "unique_fd.hpp"

namespace culvert::engine {

/// Wakes a thread that waits for readiness; any number of wakes before it looks count as one.
class Wakeup {
 public:
  /// Throws std::system_error without descriptors or memory.
  Wakeup() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (!fd_) throw std::system_error(errno, std::generic_category(), "make an eventfd");
  }
  void wake() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(fd_.get(), &one, sizeof one);
  }
  void clear() noexcept {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto n = ::read(fd_.get(), &count, sizeof count);
  }
  [[nodiscard]] int descriptor() const noexcept { return fd_.get(); }

 private:
  io::UniqueFd fd_;
};

/// Unbounded mail to one reader, without a lock: writers push whole batches onto a stack, the reader takes the stack
/// and turns it over. Looking whether mail waits is one relaxed load, so a lane may look between any two trains.
template <class T>
class Mailbox {
 public:
  Mailbox() = default;
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox() {
    take([](T&&) {});
  }

  /// Any thread. `items` arrive together and in order, after all that was posted before.
  void post(std::vector<T> items) {
    if (items.empty()) return;
    auto* batch = new Batch{std::move(items), nullptr};
    batch->older = newest_.load(std::memory_order_relaxed);
    while (!newest_.compare_exchange_weak(batch->older, batch, std::memory_order_release, std::memory_order_relaxed)) {
    }
    wakeup_.wake();
  }

  [[nodiscard]] bool waiting() const noexcept { return newest_.load(std::memory_order_relaxed) != nullptr; }

  /// The reader only: visits all that waits, oldest first.
  template <class Visit>
  void take(Visit visit) {
    Batch* batch = newest_.exchange(nullptr, std::memory_order_acquire);
    Batch* oldest = nullptr;
    while (batch != nullptr) {
      Batch* const older = std::exchange(batch->older, oldest);
      oldest = std::exchange(batch, older);
    }
    while (oldest != nullptr) {
      const std::unique_ptr<Batch> owned(std::exchange(oldest, oldest->older));
      for (T& item : owned->items) visit(std::move(item));
    }
  }

  [[nodiscard]] Wakeup& wakeup() noexcept { return wakeup_; }

 private:
  struct Batch {
    std::vector<T> items;
    Batch* older;
  };
  std::atomic<Batch*> newest_{nullptr};
  Wakeup wakeup_;
};

}  // namespace culvert::engine
