// SPDX-License-Identifier: MIT
#include "data_path.hpp"

#include <algorithm>

#include "lane_index.hpp"
#include "overloaded.hpp"
#include "params.hpp"

namespace culvert {
namespace {

constexpr std::size_t kMaxStagedOctets = 16u << 20;         // a lane, all peers together
constexpr std::chrono::milliseconds kToldInterval{250};     // between reports of drops for the same reason
constexpr std::chrono::milliseconds kMoveInterval{250};     // between reports of one peer's moves
constexpr std::chrono::milliseconds kRequestInterval{250};  // control paces initiations; this only bounds the mail

}  // namespace

DataPath::Todo DataPath::apply(Change&& change) {
  const auto keepalive = [&](const change::KeepaliveWanted& c) {
    return Todo{find(c.peer), Todo::What::send_keepalive};
  };
  return std::visit(
      Overloaded{
          [&](change::PeerAdded&& c) { return on(std::move(c)), Todo{}; },
          [&](change::PeerRemoved&& c) { return on(c), Todo{}; },
          [&](change::AllowedIpAdded&& c) { return allowed_ips_.insert(c.prefix, c.peer.slot), Todo{}; },
          [&](change::AllowedIpRemoved&& c) { return allowed_ips_.remove(c.prefix, c.peer.slot), Todo{}; },
          [&](change::EndpointMoved&& c) { return on(c), Todo{}; },
          [&](change::SessionsReplaced&& c) { return replace_sessions(std::move(c)); },
          [&](change::KeepaliveWanted&& c) { return keepalive(c); },
          [&](change::StagedDropped&& c) {
            if (Peer* peer = find(c.peer)) drop_staged(*peer, c.why);
            return Todo{};
          },
          [&](change::PeerBarred&& c) { return on(c), Todo{}; },
          [&](change::MtuSet&& c) { return mtu_ = c.mtu, Todo{}; },
          [&](change::PortSet&& c) { return port_ = c.port, Todo{}; },
          [&](change::StagedLimitSet&& c) { return most_staged_ = c.packets, Todo{}; },
      },
      std::move(change));
}

void DataPath::on(change::PeerAdded&& c) {
  if (peers_.size() <= c.peer.slot) peers_.resize(c.peer.slot + 1);
  untold_moves_.reserve(peers_.capacity());  // here, since packets may not allocate
  Peer& peer = peers_[c.peer.slot];
  peer = Peer{};
  peer.id = c.peer;
  peer.traffic = std::move(c.traffic);
  peer.in_use = true;
}

void DataPath::on(const change::PeerRemoved& c) {
  Peer* peer = find(c.peer);
  if (peer == nullptr) return;
  for (const SessionRef& s : {peer->sessions.previous, peer->sessions.current, peer->sessions.next}) strike(s);
  allowed_ips_.remove_owner(c.peer.slot);
  drop_staged(*peer, Drop::no_peer_for_destination);
  forget_move(*peer);
  *peer = Peer{};
}

// A move that control has not been told of yet came after all that it knows: it stands, and control will follow.
void DataPath::on(const change::EndpointMoved& c) noexcept {
  Peer* peer = find(c.peer);
  if (peer == nullptr) return;
  if (c.by == change::EndpointMoved::By::order) forget_move(*peer);
  if (!peer->untold_move) peer->endpoint = c.endpoint;
  if (!peer->untold_move || !c.source) peer->source = c.source;
}

void DataPath::on(const change::PeerBarred& c) noexcept {
  Peer* peer = find(c.peer);
  if (peer == nullptr) return;
  peer->barred = c.why;
  if (c.why) drop_staged(*peer, *c.why);
}

void DataPath::drop_staged(Peer& peer, Drop why) noexcept { drops_.count(Way::out, why, take_staged(peer).size()); }

DataPath::Todo DataPath::replace_sessions(change::SessionsReplaced&& c) {
  Peer* peer = find(c.peer);
  if (peer == nullptr) return {};
  for (const SessionRef& s : {peer->sessions.previous, peer->sessions.current, peer->sessions.next}) strike(s);
  peer->sessions = std::move(c.sessions);
  for (const SessionRef& s : {peer->sessions.previous, peer->sessions.current, peer->sessions.next}) enlist(s);
  peer->next_request = {};
  switch (c.then) {
    case change::SessionsReplaced::Then::nothing:
      return {};
    case change::SessionsReplaced::Then::flush:
      return {peer, Todo::What::flush_staged};
    case change::SessionsReplaced::Then::confirm:
      return {peer, Todo::What::flush_or_keepalive};
  }
  return {};
}

Result<DataPath::Peer*, Drop> DataPath::route(Bytes packet) noexcept {
  const auto view = wire::parse_ip(packet);
  if (!view) return Err{Drop::not_ip};
  const AllowedIps::Owner owner = allowed_ips_.lookup(view->destination);
  if (owner == AllowedIps::kNobody)
    return Err{is_multicast(view->destination) ? Drop::no_peer_for_multicast : Drop::no_peer_for_destination};
  Peer& peer = peers_[owner];
  if (peer.barred) return Err{*peer.barred};
  if (!peer.endpoint) return Err{Drop::no_endpoint};
  // Our own datagram to this very peer, led back inside by a route: sealing it again would never end.
  if (view->destination == peer.endpoint->address &&
      wire::udp_ports(packet) == wire::UdpPorts{port_, peer.endpoint->port})
    return Err{Drop::routing_loop};
  return &peer;
}

std::optional<DataPath::SealJob> DataPath::begin_seal(Instant now, Peer& peer, std::uint64_t n, Reports& reports) {
  if (peer.sessions.next && peer.sessions.next->confirmed.load(std::memory_order_relaxed)) take_over_next(peer);
  Session* session = peer.sessions.current.get();
  if (session == nullptr || is_expired(*session, now)) return request_session(now, peer, reports), std::nullopt;

  // A counter that was taken is spent, whatever the checks say after the take.
  const std::uint64_t first = session->send_counter.fetch_add(n, std::memory_order_relaxed);
  if (first >= params::kRejectAfterMessages || n > params::kRejectAfterMessages - first) {
    session->send_counter.store(params::kRejectAfterMessages, std::memory_order_relaxed);
    return request_session(now, peer, reports), std::nullopt;
  }
  // Renewal on send [W 6.2]: by count on either side, by age only by the initiator.
  const bool old = session->role == Role::initiator && now - session->born >= params::kRekeyAfterTime;
  if (old || first + n > params::kRekeyAfterMessages) request_session(now, peer, reports);
  return SealJob{session, first};
}

// What control will do as well, and tell by its next SessionsReplaced.
void DataPath::take_over_next(Peer& peer) {
  const SessionRef dropped = peer.sessions.previous;
  if (!peer.sessions.confirm(peer.sessions.next->local_index)) return;
  const Sessions& kept = peer.sessions;
  if (dropped != kept.previous && dropped != kept.current && dropped != kept.next) strike(dropped);
}

void DataPath::request_session(Instant now, Peer& peer, Reports& reports) {
  if (now < peer.next_request) return;
  peer.next_request = now + kRequestInterval;
  reports.push_back(report::SessionWanted{peer.id});
}

void DataPath::stage(Peer& peer, Bytes packet) {
  if (staged_octets_ + packet.size() > kMaxStagedOctets) return drops_.count(Way::out, Drop::staging_full);
  if (!peer.staging) peer.staging = std::make_unique<Staging>();
  const std::size_t before = peer.staging->octets();
  const std::size_t dropped = peer.staging->push(packet, most_staged_);
  drops_.count(Way::out, Drop::staging_full, dropped);
  add_own(packets_.waiting, 1);
  take_own(packets_.waiting, dropped);
  staged_octets_ += peer.staging->octets() - before;
}

std::deque<std::vector<std::uint8_t>> DataPath::take_staged(Peer& peer) noexcept {
  if (!peer.staging) return {};
  staged_octets_ -= peer.staging->octets();
  auto packets = peer.staging->take();
  peer.staging.reset();
  take_own(packets_.waiting, packets.size());
  return packets;
}

void DataPath::sent(Instant now, Peer& peer, Carries carries, std::uint64_t octets, Reports& reports) {
  add_own(peer.traffic->octets(lane_).sent, octets);
  if (peer.traffic->note_sent(now, carries)) {
    peer.traffic->watched.store(true, std::memory_order_relaxed);
    reports.push_back(report::Active{peer.id});
  }
}

Result<Session*, Drop> DataPath::begin_open(Instant now, std::uint32_t receiver_index) const noexcept {
  const auto found = by_index_.find(receiver_index);
  if (found == by_index_.end()) return Err{Drop::unknown_index};
  if (is_expired(*found->second, now)) return Err{Drop::session_expired};
  return found->second;
}

Result<void, Drop> DataPath::commit(Session& session, std::uint64_t counter) noexcept {
  if (counter >= params::kRejectAfterMessages) return Err{Drop::counter_limit};
  if (!session.window.commit(counter)) return Err{Drop::replayed};
  return {};
}

void DataPath::heard(Instant now, Session& session, const Endpoint& from, const std::optional<Source>& local,
                     Carries carries, std::uint64_t octets, Reports& reports) {
  Peer& peer = peers_[session.peer.slot];
  add_own(peer.traffic->octets(lane_).received, octets);
  session.expected.store(session.window.expected(), std::memory_order_relaxed);
  session.accepted.store(session.window.accepted(), std::memory_order_relaxed);
  if (peer.traffic->note_heard(now, carries)) {
    peer.traffic->watched.store(true, std::memory_order_relaxed);
    reports.push_back(report::Active{peer.id});
  }
  if (peer.endpoint != from || peer.source != local) {
    peer.endpoint = from;
    peer.source = local;
    note_move(now, peer, reports);
  }
  if (peer.sessions.next.get() == &session && !session.confirmed.load(std::memory_order_relaxed)) {
    session.confirmed.store(true, std::memory_order_relaxed);
    reports.push_back(report::Confirmed{peer.id, session.local_index});
  }
  // Renewal on receive [W 6.2]: by the current session's age, whichever session the packet came under.
  Session* current = peer.sessions.current.get();
  const bool old =
      current != nullptr && current->role == Role::initiator && now - current->born >= params::kRekeyAfterTimeReceiving;
  if (old && !current->renewal_reported) {
    current->renewal_reported = true;
    reports.push_back(report::SessionWanted{peer.id});
  }
}

void DataPath::forget_move(Peer& peer) noexcept {
  if (std::exchange(peer.untold_move, false)) std::erase(untold_moves_, peer.id);
}

// The peer itself, or somebody between who rewrites ports, can make a move of every packet.
void DataPath::note_move(Instant now, Peer& peer, Reports& reports) {
  if (now >= peer.next_told_move) {
    forget_move(peer);
    return tell_move(now, peer, reports);
  }
  if (!std::exchange(peer.untold_move, true)) untold_moves_.push_back(peer.id);
}

void DataPath::tell_move(Instant now, Peer& peer, Reports& reports) {
  peer.untold_move = false;
  peer.next_told_move = now + kMoveInterval;
  reports.push_back(report::Roamed{peer.id, *peer.endpoint, peer.source});
}

void DataPath::tell_moves(Instant now, Reports& reports) {
  if (untold_moves_.empty() || now < next_look_at_moves_) return;
  next_look_at_moves_ = now + kMoveInterval;
  std::erase_if(untold_moves_, [&](PeerId id) {
    Peer& peer = *find(id);
    if (now < peer.next_told_move) return false;
    tell_move(now, peer, reports);
    return true;
  });
}

Result<MutBytes, Drop> DataPath::admit(const Session& session, wire::Ecn outer, MutBytes plaintext) noexcept {
  const auto view = wire::parse_ip(plaintext);
  if (!view) return Err{Drop::inner_malformed};
  // Not "is it one of this peer's prefixes": a longer prefix inside it may belong to another peer.
  if (allowed_ips_.lookup(view->source) != session.peer.slot) return Err{Drop::source_not_allowed};
  const MutBytes packet = plaintext.first(view->total_octets);
  if (!wire::decapsulate_ecn(outer, packet)) return Err{Drop::ecn_mismatch};
  return packet;
}

void DataPath::drop(Instant now, Way way, Drop reason, std::uint64_t n, const Peer* peer,
                    const std::optional<IpAddress>& address, Reports& reports) {
  if (n == 0) return;
  drops_.count(way, reason, n);
  const auto which = static_cast<std::size_t>(reason);
  if (peer != nullptr) peer->traffic->drops.count(reason, n);
  if (now < next_told_[which]) return;
  next_told_[which] = now + kToldInterval;
  reports.push_back(report::Dropped{reason, peer != nullptr ? std::optional(peer->id) : std::nullopt, address});
}

void DataPath::drop_outward(Instant now, Drop reason, std::uint64_t n, Bytes packet, Reports& reports) {
  const auto view = wire::parse_ip(packet);
  if (!view) return drop(now, Way::out, reason, n, nullptr, {}, reports);
  const AllowedIps::Owner owner = allowed_ips_.lookup(view->destination);
  drop(now, Way::out, reason, n, owner == AllowedIps::kNobody ? nullptr : &peers_[owner], view->destination, reports);
}

void DataPath::drop_sealed(Drop reason, const Session& session) noexcept {
  drops_.count(Way::in, reason);
  peers_[session.peer.slot].traffic->drops.count(reason);
}

void DataPath::drop_inward(Instant now, Drop reason, const Session& session, Bytes plaintext, Reports& reports) {
  const auto view = wire::parse_ip(plaintext);
  drop(now, Way::in, reason, 1, &peers_[session.peer.slot], view ? std::optional(view->source) : std::nullopt, reports);
}

DataPath::Peer* DataPath::find(PeerId id) noexcept {
  if (id.slot >= peers_.size()) return nullptr;
  Peer& peer = peers_[id.slot];
  return peer.in_use && peer.id == id ? &peer : nullptr;
}

bool DataPath::is_mine(const Session& session) const noexcept {
  return wire::lane_of(session.local_index, lanes_) == lane_;
}

void DataPath::enlist(const SessionRef& session) {
  if (session && is_mine(*session)) by_index_[session->local_index] = session.get();
}

void DataPath::strike(const SessionRef& session) {
  if (session && is_mine(*session)) by_index_.erase(session->local_index);
}

}  // namespace culvert
