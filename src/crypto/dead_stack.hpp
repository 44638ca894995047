// SPDX-License-Identifier: MIT
#pragma once

#include <sodium.h>

namespace culvert::crypto {

/// Overwrites the stack below the caller's frame. libsodium's vector ChaCha20 leaves the key there (transposed, down
/// to 2.1 KiB), libb2 its last digest, X25519 a word of the shared secret. 4096 octets take about 30 ns.
inline void wipe_dead_stack(std::size_t octets = 4096) noexcept { sodium_stackzero(octets); }

}  // namespace culvert::crypto
