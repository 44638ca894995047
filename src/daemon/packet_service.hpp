// SPDX-License-Identifier: MIT
// A packet half that the service manager starts: for each connection to a socket one process, as a user of its own and
// shut in by its unit. So the host half needs no right to become other users, nor to signal them.
//
//   host half    connects to the socket: that is the news pair;  first message: Handover with requests, log, life
//   packet half  finds the connection as descriptor 3, and puts the others where a packet half has them
//
// `life` carries nothing. When the host half's end of it closes, also by kill -9, the kernel ends the packet half,
// however busy that is.
#pragma once

#include <string>

#include <culvert/result.hpp>

#include "unique_fd.hpp"

namespace culvert::daemon {

/// The host half's ends.
struct ServiceEnds {
  io::UniqueFd news, requests, log, life;
};

/// Has a packet half started by whoever listens at `socket`, a path. Does not wait for it. Error: a sentence.
[[nodiscard]] Result<ServiceEnds, std::string> call_packet_service(const std::string& socket);

/// In the packet half: takes over what `call_packet_service` sent on descriptor 3, and ties this process's life to it.
/// Like in a packet half that was forked, signals to stop are ignored from here on: the host half decides.
/// \returns the descriptor on which its life hangs, never to be closed. Error: a sentence; the process should end.
[[nodiscard]] Result<int, std::string> take_service_ends();

}  // namespace culvert::daemon
