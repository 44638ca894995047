// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <culvert/result.hpp>

#include "host_failure.hpp"
#include "journal.hpp"
#include "plan.hpp"

namespace culvert::host {

// Tunnels share these values: what was before the first is what the last brings back, in whatever order they end. They
// know of each other by their journals in one folder.

/// The value before, and those that the kernel changes along with it: forwarding of all links is that of each.
[[nodiscard]] Result<Before, Failure> look_at_sysctl(const std::string& journals, const std::string& interface,
                                                     const step::Sysctl& step);
[[nodiscard]] Result<void, Failure> set_sysctl(const step::Sysctl& step);
[[nodiscard]] Result<void, Failure> restore_sysctl(const std::string& journals, const std::string& interface,
                                                   const step::Sysctl& step, const Before& before);

}  // namespace culvert::host
