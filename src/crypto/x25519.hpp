// SPDX-License-Identifier: MIT
#pragma once

#include <culvert/entropy.hpp>
#include <culvert/keys.hpp>

namespace culvert::crypto {

/// Clamps 32 random octets into a private key [RFC 7748 5].
[[nodiscard]] PrivateKey generate_private_key(Entropy& entropy) noexcept;

/// The same key with the bits clamped as [RFC 7748 5] asks.
void clamp(PrivateKey& key) noexcept;

/// The public half. Any thread.
[[nodiscard]] PublicKey public_key(const PrivateKey& key) noexcept;

/// DH(private, public). False, with `shared` wiped, when the result is all zero: a low-order public key.
[[nodiscard]] bool x25519(const PrivateKey& mine, const PublicKey& theirs, Secret<32>& shared) noexcept;

}  // namespace culvert::crypto
