// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "console.hpp"
#include "sockets.hpp"

namespace culvert::cli {

struct StatusOptions {
  enum class Form : std::uint8_t { person, json, watch } form = Form::person;
  std::string interface;  // empty: all that run
};

/// \param config_folder  from where peers' names come, where the daemon does not know them and the file may be read.
/// \throws Failure `not_running` when the interface named, or any at all, has no daemon.
void show_status(const StatusOptions& options, const std::string& config_folder, const SocketFolders& folders,
                 const Console& console);

}  // namespace culvert::cli
