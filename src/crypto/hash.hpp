// SPDX-License-Identifier: MIT
// HASH, MAC, HMAC and KDFn of the paper [W 5.4] over libb2's BLAKE2s.
#pragma once

#include <array>
#include <initializer_list>

#include <culvert/secret.hpp>

namespace culvert::crypto {

/// HASH(a || b || ...): BLAKE2s-256. All functions here: any thread, nothing allocated.
[[nodiscard]] Octets<32> hash(std::initializer_list<Bytes> parts) noexcept;

/// MAC(key, a || b || ...): keyed BLAKE2s-128. `key` is 1 to 32 octets.
[[nodiscard]] Octets<16> mac(Bytes key, std::initializer_list<Bytes> parts) noexcept;

/// HMAC-BLAKE2s-256 [RFC 2104] of a || b || ... `key` is of any length.
[[nodiscard]] Secret<32> hmac(Bytes key, std::initializer_list<Bytes> parts) noexcept;

/// KDFn(chaining_key, input) of [W 5.4]: HKDF with n outputs, n of 1 to 3.
template <std::size_t N>
[[nodiscard]] std::array<Secret<32>, N> kdf(const Secret<32>& chaining_key, Bytes input) noexcept;

extern template std::array<Secret<32>, 1> kdf<1>(const Secret<32>&, Bytes) noexcept;
extern template std::array<Secret<32>, 2> kdf<2>(const Secret<32>&, Bytes) noexcept;
extern template std::array<Secret<32>, 3> kdf<3>(const Secret<32>&, Bytes) noexcept;

}  // namespace culvert::crypto
