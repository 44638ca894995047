// SPDX-License-Identifier: MIT
#pragma once

#include <culvert/entropy.hpp>

namespace culvert {

/// The operating system's randomness, through libsodium. Any thread, after `crypto::initialise`.
class SystemEntropy final : public Entropy {
 public:
  /// Ends the process when the system has no randomness to give.
  void fill(MutBytes out) noexcept override;
};

}  // namespace culvert
