// SPDX-License-Identifier: MIT
// A session is one pair of transport keys with its counters. Control makes it and lanes hold it by `shared_ptr`;
// who may touch what:
//
//   keys, indices, birth, role   immutable: anybody
//   send_counter                 the one word that lanes share: one fetch_add a train
//   confirmed                    written once, by the lane that opens; read by all while the session is `next`
//   window, renewal_reported     only the lane that the low bits of `local_index` name
//   expected, accepted           written by that lane, once a train; read by anybody
//
// The last holder's release wipes the keys.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include <culvert/time.hpp>

#include "handshake.hpp"
#include "peer_id.hpp"
#include "replay_window.hpp"

namespace culvert {

enum class Role : std::uint8_t { initiator, responder };

struct Session {
  Session(PeerId peer_, Role role_, Instant born_, std::uint32_t local, std::uint32_t remote,
          SessionKeys keys_) noexcept
      : keys(std::move(keys_)), peer(peer_), local_index(local), remote_index(remote), born(born_), role(role_) {}

  const SessionKeys keys;
  const PeerId peer;
  const std::uint32_t local_index;
  const std::uint32_t remote_index;
  const Instant born;
  const Role role;

  alignas(64) std::atomic<std::uint64_t> send_counter{0};
  // The first packet came: whoever still has this session as `next` may take it over before control says so, since the
  // host may answer that packet at once.
  std::atomic<bool> confirmed{false};

  alignas(64) ReplayWindow window;
  bool renewal_reported = false;                        // [W 6.2] 165 s on receive, once a session
  std::atomic<std::uint64_t> expected{0}, accepted{0};  // as `window` counts them
};

using SessionRef = std::shared_ptr<Session>;

/// Past 180 s a session neither seals nor opens [W 6.2].
[[nodiscard]] inline bool is_expired(const Session& session, Instant now) noexcept {
  return now - session.born >= params::kRejectAfterTime;
}

/// The three sessions of a peer [W 6.3]. All three may open; only `current` seals.
///
///   event                                    previous     current      next
///   our initiation was answered              current      new          unchanged, and may not become current
///   the same, theirs crossed and will win    current      new          unchanged
///   we answered an initiation                -            unchanged    new
///   first packet under next                  current      next         -
///   the same, and theirs won                 unchanged    next         current, and may not become current
///   180 s after its handshake                neither seals nor opens any more, and keeps its keys
///   540 s after the last handshake, or
///   interface down                           wiped by their owners
///
/// A `next` that is there when our initiation is answered was never used that we know of, but the other side may have
/// sealed with it, as it may with `current`: neither goes before the next handshake ([K] drops `current` here).
///
/// Two initiations cross when each side answers one while its own is on the way. Then there are two good sessions, and
/// if each side went on with its own, each would renew it for ever, and drop the one that the other seals with. So one
/// of the two wins: `current` is ours, `next` theirs. A peer that does not know this rule ([K] forgets its own
/// initiation when it answers ours) seals with what it has, and so does one that had its answer before our initiation
/// came, and saw no crossing: we can open both.
struct Sessions {
  SessionRef previous, current, next;
  /// What becomes of `next` when a packet comes under it: that is how a session of the other side's is confirmed,
  /// unless it was overtaken by one of ours.
  enum class Next : std::uint8_t { takes_over, wins_crossing, stays } next_then = Next::takes_over;

  enum class Crossing : std::uint8_t { none, ours_wins, theirs_wins };
  void install_as_initiator(SessionRef session, Crossing crossing) noexcept {
    previous = std::move(current);
    current = std::move(session);
    next_then = crossing == Crossing::theirs_wins ? Next::wins_crossing : Next::stays;
  }
  void install_as_responder(SessionRef session) noexcept {
    previous.reset();
    next = std::move(session);
    next_then = Next::takes_over;
  }
  /// False, and nothing changed, when `local_index` is not `next`'s, or `next` may not become current.
  bool confirm(std::uint32_t local_index) noexcept {
    if (!next || next->local_index != local_index || next_then == Next::stays) return false;
    if (next_then == Next::wins_crossing) {
      std::swap(current, next);
      next_then = Next::stays;
      return true;
    }
    previous = std::move(current);
    current = std::move(next);
    next.reset();
    return true;
  }
  [[nodiscard]] bool empty() const noexcept { return !previous && !current && !next; }
};

}  // namespace culvert
