// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <memory>
#include <utility>

namespace culvert::engine {

/// A bounded queue from one writer to one reader; its memory is made once.
template <class T>
class Ring {
 public:
  /// \param capacity  a power of two.
  explicit Ring(std::size_t capacity) : slots_(std::make_unique<T[]>(capacity)), mask_(capacity - 1) {}

  /// The writer only. False, and `item` untouched, when the ring is full.
  [[nodiscard]] bool push(T& item) noexcept {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_acquire) > mask_) return false;
    slots_[tail & mask_] = std::move(item);
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }
  /// The reader only. False when the ring is empty.
  [[nodiscard]] bool pop(T& item) noexcept {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_.load(std::memory_order_acquire)) return false;
    item = std::move(slots_[head & mask_]);
    head_.store(head + 1, std::memory_order_release);
    return true;
  }
  /// How many more the writer may push at least.
  [[nodiscard]] std::size_t room() const noexcept {
    return mask_ + 1 - (tail_.load(std::memory_order_relaxed) - head_.load(std::memory_order_acquire));
  }

 private:
  std::unique_ptr<T[]> slots_;
  std::size_t mask_;
  alignas(64) std::atomic<std::size_t> head_{0};
  alignas(64) std::atomic<std::size_t> tail_{0};
};

}  // namespace culvert::engine
