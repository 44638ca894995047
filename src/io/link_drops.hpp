// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

namespace culvert::io {

/// Packets that found a TUN queue full, since the interface exists, as the kernel counts them for this namespace's
/// interface of that name. 0 when there is none.
[[nodiscard]] std::uint64_t link_drops(const std::string& name);

}  // namespace culvert::io
