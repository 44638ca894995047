// SPDX-License-Identifier: MIT
// `culvert doctor`: the checks that a good engineer would make, in the order in which they explain each other. The
// first that fails is the one to mend. Reads the daemon's status, asks the kernel and the resolvers, and sends echoes
// through the tunnel; changes nothing.
#pragma once

#include <string>

#include "console.hpp"
#include "sockets.hpp"

namespace culvert::cli {

struct DoctorOptions {
  std::string name;  // or its file; empty: the one that runs
  enum class Form : std::uint8_t { person, json } form = Form::person;
};

/// \throws Failure `failed` when a check failed, after all have been shown; `not_running` and `permission` are checks.
///   `usage` where no name is given and not exactly one tunnel runs.
void doctor(const DoctorOptions& options, const std::string& config_folder, const SocketFolders& folders,
            const Console& console);

}  // namespace culvert::cli
