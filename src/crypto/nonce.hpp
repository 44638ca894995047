// SPDX-License-Identifier: MIT
#pragma once

#include <bit>

#include <culvert/secret.hpp>

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

/// `seal` and `open` of aead.hpp under any nonce, such as foreign test vectors have.
void seal_under(const Secret<32>& key, const Nonce& nonce, Bytes plain, Bytes ad, MutBytes out) noexcept;
[[nodiscard]] bool open_under(const Secret<32>& key, const Nonce& nonce, Bytes sealed, Bytes ad, MutBytes out) noexcept;

}  // namespace culvert::crypto
