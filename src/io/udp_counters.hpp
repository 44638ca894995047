// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>

namespace culvert::io {

/// For a counter with one writer: no locked instruction.
inline void add(std::atomic<std::uint64_t>& counter, std::uint64_t n) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

}  // namespace culvert::io
