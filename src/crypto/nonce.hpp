// SPDX-License-Identifier: MIT
#pragma once

#include <bit>

#include <culvert/bytes.hpp>

namespace culvert::crypto {

using Nonce = Octets<12>;

/// 4 zero octets, then the counter as it stands in a data header [W 5.4.6].
constexpr Nonce make_nonce(le64 counter) noexcept {
  struct Layout {
    Octets<4> zero{};
    le64 counter;
  };
  return std::bit_cast<Nonce>(Layout{.counter = counter});
}

}  // namespace culvert::crypto
