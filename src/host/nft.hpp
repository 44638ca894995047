// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <culvert/result.hpp>

#include "host_failure.hpp"
#include "journal.hpp"
#include "plan.hpp"

namespace culvert::host {

/// Runs commands of nftables in this process, as one transaction: all or none.
/// \returns what nftables printed; the error is its own complaint, in one line.
[[nodiscard]] Result<std::string, std::string> run_nft(const std::string& commands);

/// The same, printed as JSON.
[[nodiscard]] Result<std::string, std::string> ask_nft(const std::string& commands);

/// "present" where there is a table of the name already: of a boot-time unit, or of a run that crashed.
[[nodiscard]] Result<Before, Failure> look(const std::string& interface, const step::Firewall& step);
[[nodiscard]] Result<void, Failure> make(const std::string& interface, const step::Firewall& step,
                                         const Before& before);
[[nodiscard]] Result<void, Failure> undo(const std::string& interface, const step::Firewall& step,
                                         const Before& before);

}  // namespace culvert::host
