// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>

#include "params.hpp"

namespace culvert {

/// The sliding window of [RFC 6479] over 8192 bits. `would_accept` looks and never changes; `commit` changes, and is
/// called only after the tag verified. Counters from kRejectAfterMessages on are refused, so that nothing here wraps.
class ReplayWindow {
 public:
  [[nodiscard]] bool would_accept(std::uint64_t counter) const noexcept;
  /// False, and nothing changed, when `would_accept` would say no.
  [[nodiscard]] bool commit(std::uint64_t counter) noexcept;

  /// How many counters the sender had used by the greatest that was accepted, and how many of them were accepted. What
  /// is between was lost, or comes late.
  [[nodiscard]] std::uint64_t expected() const noexcept { return next_; }
  [[nodiscard]] std::uint64_t accepted() const noexcept { return accepted_; }

 private:
  static constexpr std::uint64_t kWords = params::kWindowBits / 64;

  std::uint64_t next_ = 0;  // greatest accepted counter + 1
  std::uint64_t accepted_ = 0;
  std::array<std::uint64_t, kWords> words_{};
};

}  // namespace culvert
