// SPDX-License-Identifier: MIT
// The implementations behind `AeadBackend`, each in the source file of its name. Only aead_choice.cpp and the tests
// of the backends look here.
#pragma once

#include "aead.hpp"

namespace culvert::crypto {

/// Portable, and the reference for the others (aead_sodium.cpp).
[[nodiscard]] const AeadBackend* sodium_backend() noexcept;

/// nullptr: not in this build, or not for this processor (aead_ipsec_mb.cpp).
[[nodiscard]] const AeadBackend* ipsec_mb_backend() noexcept;

/// nullptr: not for this processor (aead_lanes.cpp).
[[nodiscard]] const AeadBackend* lanes_backend() noexcept;

/// All that are not nullptr, tested or not.
[[nodiscard]] std::vector<const AeadBackend*> all_backends();

/// Whether the backend seals a known message to its known ciphertext, agrees with `seal` at the lengths where blocks
/// begin and end, and refuses one wrong bit.
[[nodiscard]] bool passes_self_test(const AeadBackend& backend) noexcept;

}  // namespace culvert::crypto
