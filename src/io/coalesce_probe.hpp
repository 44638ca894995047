// SPDX-License-Identifier: MIT
#pragma once

#include "coalesce.hpp"

namespace culvert::io {

/// Asks the kernel whether it takes super-packets on this queue, by writing one of each wanted kind that it then drops
/// without a trace but a counter. Some kernels refuse them all [K e269d79c7d35, mended by 89add40066f9].
/// \returns what of `wanted` works. Error: nothing was learned, such as TunStop::down; ask again when the link is up.
[[nodiscard]] Result<CoalesceOptions, TunFault> probe_coalescing(TunQueue& queue, CoalesceOptions wanted) noexcept;

}  // namespace culvert::io
