// SPDX-License-Identifier: MIT
#include "aead.hpp"

#include <cstdlib>

#include "aead_backends.hpp"
#include "dead_stack.hpp"
#include "hash.hpp"
#include "nonce.hpp"

namespace culvert::crypto {
namespace {

/// False, and `out` zeroed, unless libsodium says that the tag fits.
bool verified(int status, MutBytes out) noexcept {
  wipe_dead_stack();
  if (status == 0) return true;
  if (!out.empty()) sodium_memzero(out.data(), out.size());
  return false;
}

}  // namespace

void seal_under(const Secret<32>& key, const Nonce& nonce, Bytes plain, Bytes ad, MutBytes out) noexcept {
  if (out.size() != plain.size() + kTagOctets) std::abort();
  crypto_aead_chacha20poly1305_ietf_encrypt(out.data(), nullptr, plain.data(), plain.size(), ad.data(), ad.size(),
                                            nullptr, nonce.data(), key.bytes().data());
  wipe_dead_stack();
}

bool open_under(const Secret<32>& key, const Nonce& nonce, Bytes sealed, Bytes ad, MutBytes out) noexcept {
  if (sealed.size() < kTagOctets) return verified(-1, out);
  if (out.size() != sealed.size() - kTagOctets) std::abort();
  const int status =
      crypto_aead_chacha20poly1305_ietf_decrypt(out.data(), nullptr, nullptr, sealed.data(), sealed.size(), ad.data(),
                                                ad.size(), nonce.data(), key.bytes().data());
  return verified(status, out);
}

void seal(const Secret<32>& key, std::uint64_t counter, Bytes plain, Bytes ad, MutBytes out) noexcept {
  seal_under(key, make_nonce(counter), plain, ad, out);
}

bool open(const Secret<32>& key, std::uint64_t counter, Bytes sealed, Bytes ad, MutBytes out) noexcept {
  return open_under(key, make_nonce(counter), sealed, ad, out);
}

void xseal(const Secret<32>& key, std::span<const std::uint8_t, 24> nonce, Bytes plain, Bytes ad,
           MutBytes out) noexcept {
  if (out.size() != plain.size() + kTagOctets) std::abort();
  crypto_aead_xchacha20poly1305_ietf_encrypt(out.data(), nullptr, plain.data(), plain.size(), ad.data(), ad.size(),
                                             nullptr, nonce.data(), key.bytes().data());
  wipe_dead_stack();
}

bool xopen(const Secret<32>& key, std::span<const std::uint8_t, 24> nonce, Bytes sealed, Bytes ad,
           MutBytes out) noexcept {
  if (sealed.size() < kTagOctets) return verified(-1, out);
  if (out.size() != sealed.size() - kTagOctets) std::abort();
  const int status =
      crypto_aead_xchacha20poly1305_ietf_decrypt(out.data(), nullptr, nullptr, sealed.data(), sealed.size(), ad.data(),
                                                 ad.size(), nonce.data(), key.bytes().data());
  return verified(status, out);
}

bool initialise() noexcept {
  static const bool ready = [] {
    if (sodium_init() < 0) return false;
    // The first call of each libb2 function chooses its implementation: see blake2s.hpp.
    static_cast<void>(hash({}));
    static_cast<void>(mac(Octets<1>{}, {Octets<1>{}}));
    return passes_self_test(*sodium_backend());
  }();
  return ready;
}

}  // namespace culvert::crypto
