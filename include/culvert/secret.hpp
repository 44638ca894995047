// SPDX-License-Identifier: MIT
#pragma once

#include <sodium.h>

#include <algorithm>
#include <ostream>

#include <culvert/bytes.hpp>

namespace culvert {

/// N octets that are wiped when they die, when they are moved from, and on demand.
/// Move-only: a second copy is always a visible `clone()`. It has no `==` (see `ct_equal`) and no printer.
template <std::size_t N>
class Secret {
 public:
  static constexpr std::size_t kOctets = N;

  Secret() noexcept = default;
  explicit Secret(std::span<const std::uint8_t, N> from) noexcept {
    std::copy(from.begin(), from.end(), octets_.begin());
  }
  Secret(Secret&& other) noexcept : octets_(other.octets_) { other.wipe(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      octets_ = other.octets_;
      other.wipe();
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { wipe(); }

  [[nodiscard]] Secret clone() const noexcept { return Secret(bytes()); }
  void wipe() noexcept { sodium_memzero(octets_.data(), N); }

  [[nodiscard]] std::span<const std::uint8_t, N> bytes() const noexcept { return octets_; }
  [[nodiscard]] std::span<std::uint8_t, N> bytes() noexcept { return octets_; }
  [[nodiscard]] bool is_zero() const noexcept { return sodium_is_zero(octets_.data(), N) == 1; }

  friend bool operator==(const Secret&, const Secret&) = delete;
  friend std::ostream& operator<<(std::ostream&, const Secret&) = delete;

 private:
  Octets<N> octets_{};
};

/// Compares in a time that depends on the length alone.
template <std::size_t N>
[[nodiscard]] inline bool ct_equal(std::span<const std::uint8_t, N> a, std::span<const std::uint8_t, N> b) noexcept {
  return sodium_memcmp(a.data(), b.data(), N) == 0;
}

}  // namespace culvert
