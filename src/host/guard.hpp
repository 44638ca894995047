// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include <culvert/result.hpp>

#include "config.hpp"
#include "host_failure.hpp"

namespace culvert::host {

/// Raises the kill switch of a configuration before its interface exists: for a unit that runs before the network comes
/// up. Where a table of the interface is in force already, of a tunnel that runs or of one that crashed, that stays.
/// Nothing to do where the configuration has no kill switch.
[[nodiscard]] Result<void, Failure> raise_guard(const config::Config& config, std::string_view interface);

/// Removes the firewall of an interface, whoever raised it.
[[nodiscard]] Result<void, Failure> lift_guard(std::string_view interface);

/// A firewall of the interface is in force, for the status.
enum class GuardState : std::uint8_t { absent, raised };
[[nodiscard]] GuardState guard_state(std::string_view interface);

}  // namespace culvert::host
