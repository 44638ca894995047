// SPDX-License-Identifier: MIT
#pragma once

#include <compare>
#include <cstdint>

namespace culvert {

/// Names a peer inside one device: a slot, dense and reused, with a generation that tells its owners apart.
struct PeerId {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;

  friend auto operator<=>(const PeerId&, const PeerId&) = default;
};

}  // namespace culvert
