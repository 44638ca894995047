// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <culvert/result.hpp>

#include "host_failure.hpp"
#include "journal.hpp"
#include "plan.hpp"

namespace culvert::host {

/// The value before, and those that the kernel changes along with it: forwarding of all links is that of each.
[[nodiscard]] Result<Before, Failure> look(const std::string& interface, const step::Sysctl& step);
[[nodiscard]] Result<void, Failure> make(const std::string& interface, const step::Sysctl& step, const Before& before);
[[nodiscard]] Result<void, Failure> undo(const std::string& interface, const step::Sysctl& step, const Before& before);

}  // namespace culvert::host
