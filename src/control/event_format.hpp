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

/// The configuration was read again.
struct ReloadNews {
  enum class Outcome : std::uint8_t { done, refused } outcome = Outcome::done;
  std::uint32_t peers_added = 0, peers_removed = 0, peers_changed = 0;
  std::uint32_t other_keys = 0;  // of the interface and the other sections
  std::string_view text;         // what differs, or why it was refused
};

/// "reload", with "outcome", "text", and where it was not refused the counts.
[[nodiscard]] std::string format_event(std::string_view interface, UnixTime wall, const ReloadNews& news);

/// A line with nothing but the event's name and `detail`, such as "link", "up".
[[nodiscard]] std::string format_event(std::string_view interface, UnixTime wall, std::string_view event,
                                       std::string_view detail);

}  // namespace culvert::control
