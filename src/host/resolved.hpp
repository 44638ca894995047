// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <culvert/result.hpp>

#include "dns.hpp"

namespace culvert::host {

// `bus`: address of the message bus, empty: that of the system. Calls wait some seconds at most.

[[nodiscard]] bool resolved_answers(const std::string& bus);

[[nodiscard]] Result<Before, Failure> look_at_resolved(const std::string& interface);
/// The servers and domains of the link. For all names the domain "~." and the default route of names lead to the link,
/// so that nothing is asked elsewhere.
[[nodiscard]] Result<void, Failure> set_resolved(const std::string& bus, const std::string& interface,
                                                 const step::Dns& step);
/// The link has no settings of its own any more. One that is gone, or a service that is, needs none.
[[nodiscard]] Result<void, Failure> restore_resolved(const std::string& bus, const std::string& interface,
                                                     const Before& before);

}  // namespace culvert::host
