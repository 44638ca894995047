// SPDX-License-Identifier: MIT
#pragma once

#include <culvert/bytes.hpp>

namespace culvert {

/// The source of ephemeral keys, indices, cookie secrets and jitter: the core has none of its own.
/// Used for handshakes only, never per packet. Tests pass a counting fake, programs `SystemEntropy`.
class Entropy {
 public:
  Entropy() = default;
  Entropy(const Entropy&) = delete;
  Entropy& operator=(const Entropy&) = delete;
  virtual ~Entropy() = default;

  /// Fills all of `out` with unpredictable octets; a source that cannot must end the process.
  virtual void fill(MutBytes out) noexcept = 0;
};

}  // namespace culvert
