// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <culvert/result.hpp>

namespace culvert::host {

/// Runs commands of nftables in this process, as one transaction: all or none.
/// \returns what nftables printed; the error is its own complaint, in one line.
[[nodiscard]] Result<std::string, std::string> run_nft(const std::string& commands);

/// The same, printed as JSON.
[[nodiscard]] Result<std::string, std::string> ask_nft(const std::string& commands);

}  // namespace culvert::host
