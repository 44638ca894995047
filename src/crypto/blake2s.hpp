// SPDX-License-Identifier: MIT
// The owner of libb2's state, below hash.hpp.
//
// libb2 chooses its implementation at the first call of each function by writing function pointers without
// synchronisation. Every thread would write the same values, but `initialise` (aead.hpp), which all begin with, makes
// those first calls once, so that nothing is written later.
#pragma once

#include <blake2.h>

#include <cstdlib>
#include <initializer_list>

#include <culvert/secret.hpp>

namespace culvert::crypto {

/// One BLAKE2s computation [RFC 7693].
class Blake2s {
 public:
  explicit Blake2s(std::size_t digest_octets) noexcept { require(blake2s_init(&state_, digest_octets)); }
  Blake2s(std::size_t digest_octets, Bytes key) noexcept {
    require(blake2s_init_key(&state_, digest_octets, key.data(), key.size()));
  }
  Blake2s(const Blake2s&) = delete;
  Blake2s& operator=(const Blake2s&) = delete;
  ~Blake2s() { sodium_memzero(&state_, sizeof state_); }

  void update(Bytes octets) noexcept {
    if (!octets.empty()) require(blake2s_update(&state_, octets.data(), octets.size()));
  }
  void update(std::initializer_list<Bytes> parts) noexcept {
    for (const Bytes part : parts) update(part);
  }
  /// `digest` has the size that the constructor was told.
  void finish(MutBytes digest) noexcept { require(blake2s_final(&state_, digest.data(), digest.size())); }

 private:
  /// libb2 fails on impossible sizes only, and those are bugs of the caller.
  static void require(int status) noexcept {
    if (status != 0) std::abort();
  }

  blake2s_state state_;
};

}  // namespace culvert::crypto
