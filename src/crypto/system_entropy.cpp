// SPDX-License-Identifier: MIT
#include "system_entropy.hpp"

#include <sodium.h>

namespace culvert {

void SystemEntropy::fill(MutBytes out) noexcept {
  if (!out.empty()) randombytes_buf(out.data(), out.size());
}

}  // namespace culvert
