// SPDX-License-Identifier: MIT
// The data half of the protocol, as one lane runs it: which peer a packet belongs to, which session seals or opens it,
// and what follows when it authenticated. It seals nothing itself: the caller asks, runs the AEAD over the train, and
// reports back. What control must hear is appended to `Reports`; what control says arrives by `apply`.
//
// Outwards:  route -> begin_seal -> (seal the train) -> sent
// Inwards:   begin_open -> (open the train) -> commit each -> heard -> admit each
//
// A pointer that a call returns is good until the next `apply`. One thread owns a DataPath.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include <culvert/result.hpp>

#include "allowed_ips.hpp"
#include "changes.hpp"
#include "ip.hpp"
#include "packet_counts.hpp"
#include "staging.hpp"

namespace culvert {

using Reports = std::vector<Report>;

class DataPath {
 public:
  /// One peer as this lane sees it.
  struct Peer {
    PeerId id;
    std::shared_ptr<PeerTraffic> traffic;
    std::optional<Endpoint> endpoint;
    std::optional<Source> source;
    Sessions sessions;
    std::unique_ptr<Staging> staging;  // none until something is staged
    Instant next_request{};            // a session is not asked for again before
    Instant next_told_move{};          // a move is not told before
    bool untold_move = false;          // control knows only of an endpoint before this one
    std::optional<Drop> barred;        // why no packet can go to it
    bool in_use = false;
  };

  /// A reserved range of counters: packet i of the train is sealed under `first + i`, whatever becomes of the train.
  struct SealJob {
    Session* session;
    std::uint64_t first;
  };

  /// What `apply` leaves to the caller, who has the buffers.
  struct Todo {
    Peer* peer = nullptr;
    enum class What : std::uint8_t { nothing, send_keepalive, flush_staged, flush_or_keepalive } what = What::nothing;
  };

  DataPath(std::size_t lane, std::size_t lanes, std::size_t mtu) : lane_(lane), lanes_(lanes), mtu_(mtu) {}

  [[nodiscard]] Todo apply(Change&& change);

  // Outwards

  /// The peer that owns the packet's destination and can be reached.
  /// \returns Drop::not_ip, no_peer_for_destination, no_peer_for_multicast, no_endpoint, routing_loop, or what control
  ///   bars the peer for.
  [[nodiscard]] Result<Peer*, Drop> route(Bytes packet) noexcept;

  /// Reserves `n` counters. nullopt: no session may seal; one has been asked for, and the packets may be staged.
  [[nodiscard]] std::optional<SealJob> begin_seal(Instant now, Peer& peer, std::uint64_t n, Reports& reports);

  /// Keeps a copy of `packet` until there is a session; drops the oldest beyond 128 a peer, and beyond the lane's bound
  /// the packet itself. Both are counted.
  void stage(Peer& peer, Bytes packet);
  [[nodiscard]] std::deque<std::vector<std::uint8_t>> take_staged(Peer& peer) noexcept;

  /// After a train of `packets` with `octets` in all, headers and tags included, was sealed.
  void sent(Instant now, Peer& peer, Carries carries, std::uint64_t octets, Reports& reports);

  /// Octets of plaintext after padding: a multiple of 16, but never beyond the MTU [W 5.4.6].
  [[nodiscard]] std::size_t padded(std::size_t octets) const noexcept {
    const std::size_t multiple = (octets + params::kPaddingMultiple - 1) & ~(params::kPaddingMultiple - 1);
    return multiple <= mtu_ ? multiple : std::max(octets, mtu_);
  }

  // Inwards

  /// \returns Drop::unknown_index or session_expired.
  [[nodiscard]] Result<Session*, Drop> begin_open(Instant now, std::uint32_t receiver_index) const noexcept;

  /// After the tag of one packet fitted. \returns Drop::counter_limit or replayed; nothing changed.
  [[nodiscard]] Result<void, Drop> commit(Session& session, std::uint64_t counter) noexcept;

  /// After at least one packet of a train was committed: liveness, counters, roaming, key confirmation, renewal. The
  /// lane's own packets follow a peer at once; control hears of its moves a few times a second, see `tell_moves`.
  /// \param octets  of all committed messages, headers and tags included.
  void heard(Instant now, Session& session, const Endpoint& from, const std::optional<Source>& local, Carries carries,
             std::uint64_t octets, Reports& reports);

  /// Tells the moves that `heard` kept to itself since they came too soon after others of their peers, within half a
  /// second of them. Call it after each batch, and once more in a quarter of a second while there are any.
  void tell_moves(Instant now, Reports& reports);
  [[nodiscard]] bool has_untold_moves() const noexcept { return !untold_moves_.empty(); }

  /// The inner packet in a committed plaintext, padding trimmed and ECN merged.
  /// \returns Drop::inner_malformed, source_not_allowed or ecn_mismatch.
  [[nodiscard]] Result<MutBytes, Drop> admit(const Session& session, wire::Ecn outer, MutBytes plaintext) noexcept;

  // Dropping. Each packet counts once, in the lane and where it is known in the peer; control hears of each reason a
  // few times a second.

  /// Packets for `peer`, or for nobody. \param address  the inner one that says most, where there is one.
  void drop(Instant now, Way way, Drop reason, std::uint64_t n, const Peer* peer,
            const std::optional<IpAddress>& address, Reports& reports);
  /// What `route` refused.
  void drop_outward(Instant now, Drop reason, std::uint64_t n, Bytes packet, Reports& reports);
  /// What a session refused before it opened, or as a replay. Strangers can cause this, so that control does not hear.
  void drop_sealed(Drop reason, const Session& session) noexcept;
  /// What `admit` refused: it is the peer's own doing.
  void drop_inward(Instant now, Drop reason, const Session& session, Bytes plaintext, Reports& reports);

  [[nodiscard]] Peer* find(PeerId id) noexcept;
  [[nodiscard]] DropCounters& drops() noexcept { return drops_; }
  [[nodiscard]] const DropCounters& drops() const noexcept { return drops_; }
  [[nodiscard]] PacketCounters& packets() noexcept { return packets_; }
  [[nodiscard]] const PacketCounters& packets() const noexcept { return packets_; }
  [[nodiscard]] std::size_t mtu() const noexcept { return mtu_; }

 private:
  void on(change::PeerAdded&& c);
  void on(const change::PeerRemoved& c);
  void on(const change::EndpointMoved& c) noexcept;
  void on(const change::PeerBarred& c) noexcept;
  void drop_staged(Peer& peer, Drop why) noexcept;
  Todo replace_sessions(change::SessionsReplaced&& c);
  void take_over_next(Peer& peer);
  void request_session(Instant now, Peer& peer, Reports& reports);
  void forget_move(Peer& peer) noexcept;
  void note_move(Instant now, Peer& peer, Reports& reports);
  void tell_move(Instant now, Peer& peer, Reports& reports);
  void enlist(const SessionRef& session);
  void strike(const SessionRef& session);
  [[nodiscard]] bool is_mine(const Session& session) const noexcept;

  std::size_t lane_;
  std::size_t lanes_;
  std::size_t mtu_;
  std::size_t most_staged_ = params::kMaxStaged;  // packets of one peer
  std::uint16_t port_ = 0;
  std::size_t staged_octets_ = 0;
  std::vector<Peer> peers_;
  std::unordered_map<std::uint32_t, Session*> by_index_;
  AllowedIps allowed_ips_;
  DropCounters drops_;
  PacketCounters packets_;
  std::array<Instant, kDropCount> next_told_{};  // when control may hear of a reason again
  std::vector<PeerId> untold_moves_;             // each once, with room for every peer
  Instant next_look_at_moves_{};
};

}  // namespace culvert
