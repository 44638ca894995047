// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "actions.hpp"
#include "lane_state.hpp"
#include "peer.hpp"

namespace culvert::control {

/// One event as a line of JSON, the newline included:
///
///   {"time":1700000000.25,"interface":"wg0","event":"peer_up","publicKey":"...","endpoint":"192.0.2.1:51820"}
///
/// Events: peer_up, rekey, peer_silent, gave_up, session_ended, endpoint_moved, handshake_refused, problem. nullopt: it
/// is none of those, but a step on the way. \param peer  nullptr where the event has none.
[[nodiscard]] std::optional<std::string> format_event(std::string_view interface, UnixTime wall, const Event& event,
                                                      const Peer* peer);

/// Likewise "fallback": an offload that the kernel refused, so that the plain way is gone. nullopt: something else.
[[nodiscard]] std::optional<std::string> format_event(std::string_view interface, UnixTime wall,
                                                      const engine::Notice& notice);

/// A line with nothing but the event's name and `detail`, such as "link", "up".
[[nodiscard]] std::string format_event(std::string_view interface, UnixTime wall, std::string_view event,
                                       std::string_view detail);

}  // namespace culvert::control
