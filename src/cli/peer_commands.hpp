// SPDX-License-Identifier: MIT
// `culvert peer`: changes to the files of an interface, told to the daemon where one runs.
#pragma once

#include <string>

#include <culvert/time.hpp>

#include "console.hpp"
#include "options.hpp"
#include "sockets.hpp"

namespace culvert::cli {

/// Adds a peer as a file of its own. Nothing is left behind when any step fails.
void add_peer(const PeerAddOptions& options, const std::string& config_folder, const SocketFolders& folders,
              const Console& console);
void remove_peer(const PeerRemoveOptions& options, const std::string& config_folder, const SocketFolders& folders,
                 const Console& console);
/// New keys; the old ones work until the daemon has taken the new ones over.
void rotate_peer(const PeerRotateOptions& options, const std::string& config_folder, const SocketFolders& folders,
                 const Console& console);
void list_peers(const PeerListOptions& options, const std::string& config_folder, const SocketFolders& folders,
                const Console& console);
void show_peer(const PeerShowOptions& options, const std::string& config_folder, const SocketFolders& folders,
               const Console& console);

/// "30d" from now on, or a date as in the configuration. \throws Failure.
[[nodiscard]] UnixTime expiry_from(const std::string& text, std::int64_t now_unix);

}  // namespace culvert::cli
