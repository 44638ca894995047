// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <set>

namespace culvert::fuzz {

/// The replay rule, without a window's tricks: each counter once, none more than 8128 behind the greatest, and none
/// from 2^64 - 2^13 - 1 on.
class ReplayModel {
 public:
  [[nodiscard]] bool would_accept(std::uint64_t counter) const {
    if (counter >= ~std::uint64_t{0} - 8192) return false;
    if (seen_.empty() || counter > *seen_.rbegin()) return true;
    return *seen_.rbegin() - counter <= 8128 && !seen_.contains(counter);
  }
  bool commit(std::uint64_t counter) {
    if (!would_accept(counter)) return false;
    seen_.insert(counter);
    return true;
  }

 private:
  std::set<std::uint64_t> seen_;
};

}  // namespace culvert::fuzz
