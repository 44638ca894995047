// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "actions.hpp"
#include "lane_state.hpp"
#include "log.hpp"
#include "peer.hpp"

namespace culvert::daemon {

/// Writes one line for an event, in the words that users of WireGuard search for. What strangers can provoke is
/// limited. \param peer  nullptr where the event has none.
void log_event(Log& log, Instant now, const Event& event, const Peer* peer);

/// Likewise for what a lane has to tell.
void log_notice(Log& log, Instant now, const engine::Notice& notice);

}  // namespace culvert::daemon
