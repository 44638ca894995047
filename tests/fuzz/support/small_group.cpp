// SPDX-License-Identifier: MIT
// A Diffie-Hellman that costs nothing and hides nothing, linked in the place of X25519: multiples of 9 modulo 2^61 - 1
// are the public keys, zero stands for the points of low order. Most of an input that shakes hands was spent inside
// libsodium, where a fuzzer sees nothing; so it tries many times as many. Only fuzz targets are linked with it.
#include <algorithm>

#include "x25519.hpp"

namespace culvert::crypto {
namespace {

constexpr std::uint64_t kPrime = (std::uint64_t{1} << 61) - 1;

std::uint64_t element(Bytes octets) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 8; i-- > 0;) value = value << 8 | octets[i];
  return value % kPrime;
}

void multiply(const PrivateKey& key, std::uint64_t by, MutBytes out) noexcept {
  __extension__ using Wide = unsigned __int128;
  auto product = static_cast<std::uint64_t>(Wide{element(key.secret.bytes())} * by % kPrime);
  std::ranges::fill(out, std::uint8_t{0});
  for (std::size_t i = 0; i < 8; ++i, product >>= 8) out[i] = static_cast<std::uint8_t>(product);
}

}  // namespace

void clamp(PrivateKey& key) noexcept {
  key.secret.bytes()[7] &= 0x0f;
  key.secret.bytes()[0] |= 1;  // no key is zero
}

PrivateKey generate_private_key(Entropy& entropy) noexcept {
  PrivateKey key;
  entropy.fill(key.secret.bytes());
  clamp(key);
  return key;
}

PublicKey public_key(const PrivateKey& key) noexcept {
  PublicKey result;
  multiply(key, 9, result.octets);
  return result;
}

bool x25519(const PrivateKey& mine, const PublicKey& theirs, Secret<32>& shared) noexcept {
  multiply(mine, element(theirs.octets), shared.bytes());
  return !shared.is_zero();
}

}  // namespace culvert::crypto
