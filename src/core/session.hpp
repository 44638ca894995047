// SPDX-License-Identifier: MIT
// A session is one pair of transport keys with its counters. Control makes it and lanes hold it by `shared_ptr`;
// who may touch what:
//
//   keys, indices, birth, role   immutable: anybody
//   send_counter                 the one word that lanes share: one fetch_add a train
//   window and the notes below   only the lane that the low bits of `local_index` name
//
// The last holder's release wipes the keys.
#pragma once

#include <atomic>
#include <memory>

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

  alignas(64) ReplayWindow window;
  bool confirmation_reported = false;  // first packet under `next` has been told to control
  bool renewal_reported = false;       // [W 6.2] 165 s on receive, once a session
};

using SessionRef = std::shared_ptr<Session>;

/// Past 180 s a session neither seals nor opens [W 6.2].
[[nodiscard]] inline bool is_expired(const Session& session, Instant now) noexcept {
  return now - session.born >= params::kRejectAfterTime;
}

/// The three sessions of a peer [W 6.3]. All three may open; only `current` seals.
///
///   event                          previous         current          next
///   our initiation was answered    next or current  new              -
///   the same, and theirs crossed   current          new              unchanged
///   we answered an initiation      -                unchanged        new
///   first packet under next        current          next             -
///   the same, crossed, they win    unchanged        next             -
///   the same, crossed, we win      unchanged        unchanged        unchanged
///   180 s, 540 s, interface down   wiped by their owners
///
/// Two initiations cross when each side answers one while its own is on the way. Then there are two good sessions, and
/// if each side went on with its own, each would renew it for ever, and drop the one that the other seals with. So one
/// of the two wins: `current` is ours, `next` theirs, and the other session of the two is not sealed with by anybody
/// who knows this rule. A peer that does not ([K] forgets its own initiation when it answers ours) seals with what it
/// has, and we can open that.
struct Sessions {
  SessionRef previous, current, next;
  /// Was `next` made while the initiation that led to `current` was on its way, and which of the two is to stay?
  enum class Crossed : std::uint8_t { no, ours_wins, theirs_wins } crossed = Crossed::no;

  void install_as_initiator(SessionRef session) noexcept {
    previous = next && crossed == Crossed::no ? std::move(next) : std::move(current);
    next.reset();
    current = std::move(session);
    crossed = Crossed::no;
  }
  /// While our initiation was on its way, we answered theirs: `next`.
  void install_as_crossed_initiator(SessionRef session, Crossed winner) noexcept {
    previous = std::move(current);
    current = std::move(session);
    crossed = winner;
  }
  void install_as_responder(SessionRef session) noexcept {
    previous.reset();
    next = std::move(session);
    crossed = Crossed::no;
  }
  /// False, and nothing changed, when `local_index` is not `next`'s, or ours wins.
  bool confirm(std::uint32_t local_index) noexcept {
    if (!next || next->local_index != local_index || crossed == Crossed::ours_wins) return false;
    if (crossed == Crossed::no) previous = std::move(current);
    current = std::move(next);
    next.reset();
    crossed = Crossed::no;
    return true;
  }
  [[nodiscard]] bool empty() const noexcept { return !previous && !current && !next; }
};

}  // namespace culvert
