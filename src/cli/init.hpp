// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "console.hpp"
#include "peer_options.hpp"
#include "surroundings.hpp"

namespace culvert::cli {

/// Writes the first file of a gateway or a client, and tells what comes next. What the options leave open is asked on a
/// terminal, and else taken as found.
/// \throws Failure when something is missing that nothing can be found for, or a file is there already.
void init(const InitOptions& options, const std::string& config_folder, const Surroundings& around,
          const Console& console);

}  // namespace culvert::cli
