// SPDX-License-Identifier: MIT
// The verbs that start, change and end a tunnel. What they do is done by culvertd; they find it, ask it, and tell how
// it went.
#pragma once

#include <string>

#include "console.hpp"
#include "locate.hpp"
#include "options.hpp"
#include "sockets.hpp"

namespace culvert::cli {

/// Checks the configuration, starts culvertd on it and returns once the tunnel is up.
/// \throws Failure when the configuration is wrong, the tunnel is up already, or culvertd could not do it: then
///   everything that it did is undone, and its own message stands above ours.
void up(const UpOptions& options, const std::string& config_folder, const SocketFolders& folders,
        const Console& console);

/// Ends a tunnel; also what a daemon that died has left on this machine. Returns when all is undone.
void down(const DownOptions& options, const SocketFolders& folders, const Console& console);

void reload(const ReloadOptions& options, const SocketFolders& folders, const Console& console);
void portal(const PortalOptions& options, const SocketFolders& folders, const Console& console);

/// Asks a running daemon to take over a changed file; where none runs, there is nothing to do.
/// \returns a sentence for the person, such as "wg0 has taken it over".
[[nodiscard]] std::string reload_if_running(const Located& located, const SocketFolders& folders,
                                            const Console& console);

}  // namespace culvert::cli
