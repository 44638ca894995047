// SPDX-License-Identifier: MIT
// Timers are derived, not stored: a peer keeps a few instants, and `next_action` says what is due and when to ask
// again. The rules, with the state that each reads:
//
//   due                    when                                                             source
//   wipe                   540 s after the youngest session was made                        [W 6.3]
//   give_up                an unanswered initiation, retried 18 times, waits out once more  [W 6.4]
//   retry_initiation       5 s + jitter after an unanswered initiation                      [W 6.4]
//   initiate               wanted, and 5 s after our last initiation or response [K]; or    [W 6.1, 6.5]
//                          data was sent and nothing heard for 15 s + jitter
//   passive_keepalive      data was received and nothing sent for 10 s                      [W 6.5]
//   persistent_keepalive   nothing passed either way for the configured interval            [K]
//
// The two rules that are no timers (renewal after 120 s on send, after 165 s on receive) stand in data_path.cpp.
// [K] sends a second passive keepalive when more data came while the first was due; its own first keepalive cancels
// that again before it can run, so data received after the keepalive is what makes the next one due here.
#pragma once

#include <optional>

#include <culvert/time.hpp>

namespace culvert {

struct PeerInstants {
  std::optional<Instant> unheard_since = {};  // see traffic.hpp
  std::optional<Instant> unanswered_since = {};
  std::optional<Instant> last_passage = {};
  std::optional<Instant> last_initiation_sent = {};  // answered or not
  std::optional<Instant> last_response_sent = {};
  std::optional<Instant> keys_born = {};        // youngest session; none: nothing to wipe
  std::optional<Instant> last_persistent = {};  // persistent keepalive last asked for
  Duration jitter{};                            // 0 to 333 ms, drawn anew for each initiation
  std::chrono::seconds persistent_interval{0};  // 0: off
  int retries = 0;
  bool awaiting_response = false;
  bool initiation_wanted = false;
};

enum class Due : std::uint8_t {
  nothing,
  wipe,
  give_up,
  retry_initiation,
  initiate,
  passive_keepalive,
  persistent_keepalive
};

struct NextAction {
  Due due = Due::nothing;
  std::optional<Instant> at;  // with Due::nothing: when something may be due; none: not before something happens

  friend bool operator==(const NextAction&, const NextAction&) = default;
};

/// What is due first. After it has been done, and the instants say so, ask again until nothing is.
[[nodiscard]] NextAction next_action(const PeerInstants& instants, Instant now) noexcept;

}  // namespace culvert
