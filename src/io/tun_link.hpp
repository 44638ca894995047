// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include <culvert/result.hpp>

#include "system_error.hpp"
#include "tun_calls.hpp"

namespace culvert::io {

enum class LinkState : std::uint8_t { down, up };

/// By name, in the network namespace of the caller.
[[nodiscard]] Result<std::uint32_t, SystemError> link_mtu(const std::string& name,
                                                          const TunCalls& calls = system_tun_calls());
[[nodiscard]] Result<void, SystemError> set_link_mtu(const std::string& name, std::uint32_t mtu,
                                                     const TunCalls& calls = system_tun_calls());
[[nodiscard]] Result<LinkState, SystemError> link_state(const std::string& name,
                                                        const TunCalls& calls = system_tun_calls());

/// By an open queue: works when the interface lives in another namespace, and without privileges.
/// Error EBADFD: the interface is gone.
[[nodiscard]] Result<LinkState, SystemError> queue_link_state(int queue, const TunCalls& calls = system_tun_calls());

}  // namespace culvert::io
