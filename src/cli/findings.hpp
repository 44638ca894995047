// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "check.hpp"
#include "config.hpp"
#include "console.hpp"
#include "load.hpp"
#include "locate.hpp"

namespace culvert::cli {

/// A line a finding on standard error, errors in red and warnings in yellow where there are colours.
void print_findings(const std::vector<config::Finding>& findings, const Console& console);

/// Loads a configuration, printing every finding.
/// \throws Failure `invalid` with the count of errors.
[[nodiscard]] config::Config load_or_fail(const Located& located, const Console& console);

/// Prints all findings, those about this machine included, and on standard output what the file holds where it is good.
/// \param host  the machine's addresses but loopback.
/// \throws Failure `invalid` with the count of errors.
void check(const Located& located, const std::vector<config::HostAddress>& host, const Console& console);

}  // namespace culvert::cli
