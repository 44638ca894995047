// SPDX-License-Identifier: MIT
// One peer as the control thread knows it. Only device*.cpp touch it.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include <culvert/drop.hpp>

#include "cookie.hpp"
#include "handshake.hpp"
#include "session.hpp"
#include "set_request.hpp"
#include "timers.hpp"
#include "timestamp.hpp"
#include "traffic.hpp"

namespace culvert {

/// Data messages on their way here. The peer numbers them, so that a number that never came shows what was lost: on the
/// way, in a full queue of this host, or because the peer could not send it. What was lost behind the last that came
/// cannot be seen, and what was overtaken counts as lost until it comes.
struct Arrivals {
  // Since the peer was added; neither ever falls.
  std::uint64_t expected = 0;  // numbers used by the peer, up to the last that came
  std::uint64_t accepted = 0;
  // Of the sessions that live.
  std::uint64_t lately_expected = 0;
  std::uint64_t lately_accepted = 0;
  std::optional<Instant> lately_since{};  // birth of the oldest that was used

  void add(const Session& session) noexcept {
    // In this order: both only rise, so what is accepted is never more than what is expected.
    const std::uint64_t accepted_now = session.accepted.load(std::memory_order_relaxed);
    const std::uint64_t expected_now = std::max(session.expected.load(std::memory_order_relaxed), accepted_now);
    expected += expected_now;
    accepted += accepted_now;
    lately_expected += expected_now;
    lately_accepted += accepted_now;
    if (expected_now != 0) lately_since = std::min(lately_since.value_or(session.born), session.born);
  }
};

/// Why a peer that is blocked is refused.
[[nodiscard]] constexpr Drop reason_of(Blocked blocked) noexcept {
  return blocked == Blocked::disabled ? Drop::peer_disabled : Drop::peer_expired;
}

struct Peer {
  PeerId id;
  PublicKey public_key;
  PresharedKey preshared_key;
  std::string name;
  std::optional<PastTraffic> past;
  Blocked blocked = Blocked::no;
  // DH of the static keys; none while we have no identity or theirs is of low order, and then no handshake is possible.
  std::optional<Secret<32>> static_shared;

  std::optional<Endpoint> endpoint;
  std::optional<Source> source;
  std::chrono::seconds persistent_interval{0};

  Stamp greatest_stamp_received{};
  Stamp last_stamp_sent{};
  std::optional<Instant> last_initiation_accepted;
  CookieHolder cookie;

  std::unique_ptr<PendingInitiation> pending;
  std::optional<Instant> last_initiation_sent;
  std::optional<Instant> last_response_sent;
  Duration jitter{};
  int retries = 0;
  bool initiation_wanted = false;

  Sessions sessions;
  std::optional<Instant> keys_born;
  std::optional<Instant> last_persistent;
  std::optional<UnixTime> last_handshake;

  std::shared_ptr<PeerTraffic> traffic;
  std::uint64_t expected_before = 0;  // of sessions that have ended: see arrivals()
  std::uint64_t accepted_before = 0;
  std::uint64_t handshake_octets_sent = 0;
  std::uint64_t handshake_octets_received = 0;

  std::optional<Instant> deadline;  // as it stands in the device's order of deadlines

  [[nodiscard]] std::uint64_t octets_sent() const noexcept { return handshake_octets_sent + traffic->octets_sent(); }
  [[nodiscard]] std::uint64_t octets_received() const noexcept {
    return handshake_octets_received + traffic->octets_received();
  }

  [[nodiscard]] Arrivals arrivals() const noexcept {
    Arrivals arrivals{.expected = expected_before, .accepted = accepted_before};
    for (const Session* session : {sessions.previous.get(), sessions.current.get(), sessions.next.get()})
      if (session != nullptr) arrivals.add(*session);
    return arrivals;
  }
  /// Keeps what a session that is about to be forgotten has counted.
  void keep_arrivals(const Session& session) noexcept {
    Arrivals ended{.expected = expected_before, .accepted = accepted_before};
    ended.add(session);
    expected_before = ended.expected;
    accepted_before = ended.accepted;
  }

  [[nodiscard]] PeerInstants instants() const noexcept {
    return {.unheard_since = traffic->unheard_since.load(),
            .unanswered_since = traffic->unanswered_since.load(),
            .last_passage = traffic->last_passage.load(),
            .last_initiation_sent = last_initiation_sent,
            .last_response_sent = last_response_sent,
            .keys_born = keys_born,
            .last_persistent = last_persistent,
            .jitter = jitter,
            .persistent_interval = persistent_interval,
            .retries = retries,
            .awaiting_response = pending != nullptr,
            .initiation_wanted = initiation_wanted};
  }
};

}  // namespace culvert
