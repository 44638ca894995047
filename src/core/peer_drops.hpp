// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <new>

#include <culvert/drop.hpp>

namespace culvert {

/// Packets of one peer that were dropped, by reason. Any thread counts and any reads, without a lock. The table of 300
/// octets comes with the first drop, once in a peer's life: most peers of many never drop anything.
class PeerDrops {
 public:
  PeerDrops() noexcept = default;
  PeerDrops(const PeerDrops&) = delete;
  PeerDrops& operator=(const PeerDrops&) = delete;
  ~PeerDrops() { delete table_.load(std::memory_order_relaxed); }

  /// Without memory for the table nothing is counted here; the lane's own counters have the drop all the same.
  void count(Drop reason, std::uint64_t n = 1) noexcept {
    if (Table* table = existing_or_new()) (*table)[index(reason)].fetch_add(n, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t of(Drop reason) const noexcept {
    const Table* table = table_.load(std::memory_order_acquire);
    return table == nullptr ? 0 : (*table)[index(reason)].load(std::memory_order_relaxed);
  }

 private:
  using Table = std::array<std::atomic<std::uint64_t>, kDropCount>;

  static std::size_t index(Drop reason) noexcept { return static_cast<std::size_t>(reason); }

  Table* existing_or_new() noexcept {
    Table* table = table_.load(std::memory_order_acquire);
    if (table != nullptr) return table;
    std::unique_ptr<Table> made(new (std::nothrow) Table{});
    if (!made) return nullptr;
    // Another lane may have been faster; then `table` is that one's.
    if (table_.compare_exchange_strong(table, made.get(), std::memory_order_acq_rel, std::memory_order_acquire))
      return made.release();
    return table;
  }

  std::atomic<Table*> table_{nullptr};
};

}  // namespace culvert
