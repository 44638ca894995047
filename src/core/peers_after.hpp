// SPDX-License-Identifier: MIT
#pragma once

#include "device.hpp"
#include "set_request.hpp"

namespace culvert {

/// How many peers the device will have once it has done what is asked, if it has room for them.
[[nodiscard]] std::size_t peers_after(const Device& device, const SetRequest& request) noexcept;

}  // namespace culvert
