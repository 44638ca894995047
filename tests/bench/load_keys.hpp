// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>

#include "handshake.hpp"
#include "hash.hpp"
#include "x25519.hpp"

namespace culvert::bench {

/// Key `number` is the hash of the number: anybody can know it, and two runs use the same.
[[nodiscard]] inline KeyPair key_pair(std::uint64_t number) {
  Octets<8> text{};
  std::memcpy(text.data(), &number, sizeof number);
  const Octets<32> digest = crypto::hash({Bytes(text)});
  KeyPair pair{PrivateKey{Secret<32>(digest)}, {}};
  crypto::clamp(pair.private_key);
  pair.public_key = crypto::public_key(pair.private_key);
  return pair;
}

}  // namespace culvert::bench
