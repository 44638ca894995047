// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "level.hpp"
#include "snapshot.hpp"
#include "status.hpp"

namespace culvert::control {

/// The whole status as one JSON document and a newline. Peers are told under the names of WireGuard's own JSON; no
/// document ever holds a key but public ones.
/// \param sandbox  how far the process is shut in.
/// \param interface_drops  packets that found the TUN queue full, as the kernel counts them.
[[nodiscard]] std::string format_status(std::string_view interface, const DeviceSnapshot& device,
                                        const engine::EngineStatus& engine, std::uint64_t interface_drops,
                                        const sandbox::Level& sandbox = {});

}  // namespace culvert::control
