// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "sockets.hpp"
#include "status_document.hpp"

namespace culvert::cli {

/// What keeps the tunnel from working on this machine, by those of the doctor's checks that neither wait nor ask the
/// network: for the status. Empty as well for an interface of another network namespace.
[[nodiscard]] std::vector<HostProblem> problems_of_host(const std::string& name, const std::string& config_folder,
                                                        const SocketFolders& folders);

}  // namespace culvert::cli
