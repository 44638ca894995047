// SPDX-License-Identifier: MIT
#pragma once

#include <sodium.h>

#include <memory>
#include <vector>

namespace culvert::control {

/// Wipes memory before it is given back, also when a container grows.
template <class T>
struct WipingAllocator {
  using value_type = T;

  WipingAllocator() noexcept = default;
  template <class U>
  WipingAllocator(const WipingAllocator<U>&) noexcept {}

  [[nodiscard]] T* allocate(std::size_t n) { return std::allocator<T>().allocate(n); }
  void deallocate(T* p, std::size_t n) noexcept {
    sodium_memzero(p, n * sizeof(T));
    std::allocator<T>().deallocate(p, n);
  }
  friend bool operator==(const WipingAllocator&, const WipingAllocator&) noexcept { return true; }
};

/// Text that holds keys. A vector, since a string keeps short texts inside itself, where no allocator wipes them.
using SecretText = std::vector<char, WipingAllocator<char>>;

}  // namespace culvert::control
