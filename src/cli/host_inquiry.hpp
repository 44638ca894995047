// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "sockets.hpp"
#include "status_document.hpp"

namespace culvert::cli {

/// What the host half of a tunnel with a file tells of itself.
/// \returns nullopt where none answers in time: `wg` sets the tunnel up, it does not run, or it may not be asked.
[[nodiscard]] std::optional<HostStatus> ask_host_status(const SocketFolders& folders, const std::string& interface,
                                                        std::chrono::seconds within);

/// The file of an interface: what the running tunnel was started from, else NAME.toml in the folder.
[[nodiscard]] std::string file_of(const std::optional<HostStatus>& host, const std::string& interface,
                                  const std::string& config_folder);

}  // namespace culvert::cli
