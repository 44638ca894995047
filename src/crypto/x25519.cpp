// SPDX-License-Identifier: MIT
#include "x25519.hpp"

#include <cstdlib>

#include "dead_stack.hpp"

namespace culvert::crypto {

void clamp(PrivateKey& key) noexcept {
  const std::span<std::uint8_t, 32> octets = key.secret.bytes();
  octets[0] &= 0xf8;  // a multiple of the cofactor 8
  octets[31] &= 0x7f;
  octets[31] |= 0x40;  // every key has the same length in bits
}

PrivateKey generate_private_key(Entropy& entropy) noexcept {
  PrivateKey key;
  entropy.fill(key.secret.bytes());
  clamp(key);
  return key;
}

PublicKey public_key(const PrivateKey& key) noexcept {
  PublicKey result;
  if (crypto_scalarmult_base(result.octets.data(), key.secret.bytes().data()) != 0) std::abort();
  wipe_dead_stack();
  return result;
}

bool x25519(const PrivateKey& mine, const PublicKey& theirs, Secret<32>& shared) noexcept {
  const int status = crypto_scalarmult(shared.bytes().data(), mine.secret.bytes().data(), theirs.octets.data());
  wipe_dead_stack();
  // Both are asked: libsodium documents -1 for an all-zero result, and nothing may pass if that ever changes.
  if (status == 0 && !shared.is_zero()) return true;
  shared.wipe();
  return false;
}

}  // namespace culvert::crypto
