// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>

#include "changes.hpp"
#include "device.hpp"
#include "params.hpp"

namespace culvert::engine {

/// Handshake messages that passed `Device::screen` and wait for their mathematics. Bounded; its length decides whether
/// the device is under load: busy from an eighth of the bound on, and for one second after [K]; crowded from half of it
/// on, so that what a flood sends leaves room for newcomers; heavy from three quarters on, so that the last is for
/// those who proved their address.
class HandshakeQueue {
 public:
  static constexpr std::size_t kCapacity = 1024;
  static constexpr std::size_t kBusy = kCapacity / 8;
  static constexpr std::size_t kCrowded = kCapacity / 2;
  static constexpr std::size_t kHeavy = kCapacity / 4 * 3;

  /// False, and nothing changed, when the queue is full.
  [[nodiscard]] bool push(Instant now, const report::Handshake& message) noexcept {
    if (size_ == kCapacity) return false;
    slots_[(head_ + size_) % kCapacity] = message;
    if (++size_ >= kBusy) last_busy_ = now;
    return true;
  }
  /// The oldest. borrowed: until the next push. nullptr: none.
  [[nodiscard]] const report::Handshake* pop() noexcept {
    if (size_ == 0) return nullptr;
    const report::Handshake* oldest = &slots_[head_];
    head_ = (head_ + 1) % kCapacity;
    --size_;
    return oldest;
  }
  [[nodiscard]] Load load(Instant now) const noexcept {
    if (size_ >= kHeavy) return Load::heavy;
    if (size_ >= kCrowded) return Load::crowded;
    if (size_ >= kBusy) return Load::busy;
    return last_busy_ && now - *last_busy_ < params::kUnderLoadHold ? Load::busy : Load::normal;
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  std::unique_ptr<report::Handshake[]> slots_ = std::make_unique<report::Handshake[]>(kCapacity);
  std::size_t head_ = 0;
  std::size_t size_ = 0;
  std::optional<Instant> last_busy_;
};

}  // namespace culvert::engine
