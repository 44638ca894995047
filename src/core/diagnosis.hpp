// SPDX-License-Identifier: MIT
// What the control thread remembers of how each peer fares, put together from events, refusals and drops: why it does
// not work, how its handshakes went, how its endpoint was learned. It decides nothing: the protocol runs the same
// without it, and a forged packet can write a record here and no more.
#pragma once

#include <array>
#include <unordered_map>

#include "actions.hpp"
#include "peer.hpp"
#include "problem.hpp"
#include "strangers.hpp"

namespace culvert {

/// From whom a peer's endpoint is known.
enum class EndpointOrigin : std::uint8_t { configured, handshake, roamed };

/// Round-trip times of handshakes: from the last initiation to its response, both ends' mathematics included.
struct HandshakeTimes {
  static constexpr std::array<double, 10> kBounds{0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5};  // seconds
  std::array<std::uint64_t, kBounds.size() + 1> counts{};  // not cumulative; the last: beyond all bounds
  double sum_seconds = 0;

  void add(Duration took) noexcept;
};

struct PeerNotes {
  PeerId id;
  ProblemRecords problems;
  EndpointOrigin origin = EndpointOrigin::configured;
  std::optional<Instant> asked;       // last initiation, unless answered
  std::optional<Instant> calls_from;  // first initiation without an answer
  std::uint32_t tries = 0;            // initiations without an answer
  std::optional<Instant> worked;      // last handshake that was completed here
  std::optional<Instant> answered;    // an initiation, and no packet has confirmed it yet
  std::optional<Duration> round_trip;
  std::uint64_t initiations_sent = 0, responses_received = 0;
  bool up = false;                   // worked, and neither silent nor wiped since
  bool stopped = false;              // silent, and no handshake has been completed since
  std::uint32_t stops_answered = 0;  // times in a row that a silence ended in a good handshake
};

/// A destination without a peer, or the like: the last one, in full.
struct LastDrop {
  Drop drop = Drop::not_ip;
  std::optional<IpAddress> address;
  UnixTime wall;
};

class Diagnosis {
 public:
  /// Takes note of an event, and says in it which problem is behind it and whether that is news.
  /// \param peer  the event's, or nullptr.
  void take(Now now, Event& event, const Peer* peer);

  /// A datagram was refused before anything was known of its sender.
  void refused(Now now, Drop reason, const Endpoint& from) noexcept { strangers_.refused(now, reason, from); }
  /// Something about a peer that no event tells: a send that failed, an ICMP message, a lane's drop.
  /// \returns the event to tell it by, when this is the first since the peer last worked.
  [[nodiscard]] std::optional<Event> note(Now now, PeerId peer, Problem problem,
                                          const std::optional<IpAddress>& address = {});
  [[nodiscard]] std::optional<Event> dropped(Now now, const report::Dropped& report);
  void endpoint_configured(PeerId peer) noexcept;
  /// The peer is not blocked any more: that it was explains nothing.
  void let_in(PeerId peer) noexcept;
  void peer_added(const PublicKey& key) noexcept { strangers_.forget_key(key); }

  /// nullptr: nothing has been noted.
  [[nodiscard]] const PeerNotes* of(PeerId peer) const noexcept;
  [[nodiscard]] const Strangers& strangers() const noexcept { return strangers_; }
  [[nodiscard]] const HandshakeTimes& handshake_times() const noexcept { return times_; }
  [[nodiscard]] const std::vector<LastDrop>& last_drops() const noexcept { return last_drops_; }

 private:
  PeerNotes& notes(PeerId peer);
  bool note(Now now, PeerNotes& notes, Problem problem, const std::optional<IpAddress>& address = {});
  void about_peer(Now now, Event& event, PeerNotes& notes);
  void asked(Now now, Event& event, PeerNotes& notes);
  void worked(Now now, Event& event, PeerNotes& notes);
  void refused(Now now, Event& event);

  std::unordered_map<std::uint32_t, PeerNotes> by_slot_;
  Strangers strangers_;
  HandshakeTimes times_;
  std::vector<LastDrop> last_drops_;  // one a reason
};

/// What a peer is doing, in one word.
enum class PeerState : std::uint8_t { up, silent, waiting, idle, never_connected, link_down, blocked };

[[nodiscard]] std::string_view name(PeerState state) noexcept;

struct PeerVerdict {
  PeerState state = PeerState::never_connected;
  const ProblemRecord* cause = nullptr;     // borrowed: from the notes. With `blocked` always, else where known
  std::optional<Duration> silent_for = {};  // with `silent`
  std::uint32_t tries = 0;                  // initiations that nobody has answered
};

enum class Link : std::uint8_t;

/// \param notes  nullptr: none.
[[nodiscard]] PeerVerdict judge(const Peer& peer, const PeerNotes* notes, Link link, Instant now) noexcept;

}  // namespace culvert
