// SPDX-License-Identifier: MIT
// Handshake messages in and out. A message passes, in this order: type and length, mac1, under load mac2 and the rate
// limiter, the handshake's own tags, and the replay rules. What fails anywhere changes nothing but a counter;
// state is assigned in the last lines of each function.
#include "device.hpp"
#include "params.hpp"

namespace culvert {
namespace {

constexpr std::uint8_t kHandshakeTos = 0x88;  // DSCP AF41 [K]

template <class Message>
Outgoing outgoing(const Message& message, const Endpoint& to, const std::optional<Source>& from, std::uint8_t tos) {
  Outgoing out;
  out.size = sizeof message;
  wire::store(message, out.octets);
  out.to = to;
  out.from = from;
  out.tos = tos;
  return out;
}

}  // namespace

Result<wire::Type, Drop> Device::screen(Bytes datagram) const noexcept {
  const auto type = wire::classify(datagram);
  if (!type || *type == wire::Type::data) return Err{Drop::not_wireguard};
  if (!has_identity_) return Err{Drop::no_identity};
  switch (*type) {
    case wire::Type::initiation:
      if (!checker_.mac1_fits(wire::load<wire::Initiation>(datagram))) return Err{Drop::bad_mac1};
      break;
    case wire::Type::response:
      if (!checker_.mac1_fits(wire::load<wire::Response>(datagram))) return Err{Drop::bad_mac1};
      break;
    case wire::Type::cookie_reply:
    case wire::Type::data:
      break;
  }
  return *type;
}

Result<void, Drop> Device::handle(Now now, Bytes datagram, const Endpoint& from, const std::optional<Source>& local,
                                  Load load, Actions& actions) {
  const auto type = wire::classify(datagram);
  actions.claimant = {};
  const auto outcome = [&]() -> Result<void, Drop> {
    if (!type || link_ == Link::down) return Err{type ? Drop::interface_down : Drop::not_wireguard};
    if (load == Load::heavy && *type != wire::Type::cookie_reply) {
      if (auto admitted = admit_under_load(now, datagram, *type, from, local, actions); !admitted) return admitted;
    }
    switch (*type) {
      case wire::Type::initiation:
        return on_initiation(now, wire::load<wire::Initiation>(datagram), from, local, actions);
      case wire::Type::response:
        return on_response(now, wire::load<wire::Response>(datagram), from, local, actions);
      case wire::Type::cookie_reply:
        return on_cookie_reply(now, wire::load<wire::CookieReply>(datagram), actions);
      case wire::Type::data:
        break;
    }
    return Err{Drop::not_wireguard};
  }();
  if (!outcome) {
    const Claimant& by = actions.claimant;
    actions.events.push_back(
        {.kind = Event::Kind::refused, .peer = by.peer, .drop = outcome.error(), .endpoint = from, .key = by.key});
  }
  return outcome;
}

Result<void, Drop> Device::admit_under_load(Now now, Bytes datagram, wire::Type type, const Endpoint& from,
                                            const std::optional<Source>& local, Actions& actions) {
  const auto check = [&](const auto& message) -> Result<void, Drop> {
    if (!checker_.mac2_fits(now.mono, message, from)) {
      const auto reply = checker_.make_reply(now.mono, message.sender, message.macs.mac1, from, entropy_);
      actions.outgoing.push_back(outgoing(reply, from, local, 0));
      actions.events.push_back({.kind = Event::Kind::cookie_sent, .endpoint = from});
      return Err{Drop::cookie_demanded};
    }
    if (!limiter_.allow(now.mono, from.address)) return Err{Drop::rate_limited};
    return {};
  };
  return type == wire::Type::initiation ? check(wire::load<wire::Initiation>(datagram))
                                        : check(wire::load<wire::Response>(datagram));
}

Result<void, Drop> Device::on_initiation(Now now, const wire::Initiation& message, const Endpoint& from,
                                         const std::optional<Source>& local, Actions& actions) {
  auto claim = claim_initiation(identity_, message);
  if (!claim) return Err{claim.error()};
  actions.claimant.key = claim->static_key;
  const auto found = by_key_.find(claim->static_key);
  if (found == by_key_.end()) return Err{Drop::unknown_peer};
  Peer& peer = *peers_[found->second];
  actions.claimant.peer = peer.id;
  if (!peer.static_shared) return Err{Drop::zero_shared_secret};

  auto verified = verify_initiation(std::move(*claim), *peer.static_shared);
  if (!verified) return Err{verified.error()};
  if (verified->timestamp <= peer.greatest_stamp_received) return Err{Drop::old_timestamp};
  if (peer.last_initiation_accepted && now.mono - *peer.last_initiation_accepted < params::kInitiationInterval)
    return Err{Drop::initiations_too_close};

  const Stamp timestamp = verified->timestamp;
  const std::uint32_t local_index = new_index(peer, IndexEntry::Kind::session);
  auto made = make_response(std::move(*verified), peer.preshared_key, new_ephemeral(), local_index);
  if (!made) {
    by_index_.erase(local_index);
    return Err{made.error()};
  }

  peer.greatest_stamp_received = timestamp;
  peer.last_initiation_accepted = now.mono;
  peer.last_response_sent = now.mono;
  actions.events.push_back({.kind = Event::Kind::initiation_received, .peer = peer.id, .endpoint = from});
  heard_handshake(peer, now, from, local, sizeof message, actions);
  send_handshake(peer, now, made->message, actions);
  actions.events.push_back({.kind = Event::Kind::response_sent, .peer = peer.id, .endpoint = from});
  install(peer, now, Role::responder, local_index, message.sender, std::move(made->keys), actions);
  reschedule(peer, now);
  return {};
}

Result<void, Drop> Device::on_response(Now now, const wire::Response& message, const Endpoint& from,
                                       const std::optional<Source>& local, Actions& actions) {
  const auto found = by_index_.find(message.receiver);
  if (found == by_index_.end() || found->second.kind != IndexEntry::Kind::pending)
    return Err{Drop::unexpected_response};
  Peer& peer = *peers_[found->second.slot];
  actions.claimant.peer = peer.id;
  auto keys = read_response(*peer.pending, identity_, peer.preshared_key, message);
  if (!keys) return Err{keys.error()};

  found->second.kind = IndexEntry::Kind::session;  // the index lives on as the session's
  peer.pending.reset();
  peer.retries = 0;
  peer.initiation_wanted = false;
  peer.last_handshake = now.wall;
  heard_handshake(peer, now, from, local, sizeof message, actions);
  actions.events.push_back({.kind = Event::Kind::response_received, .peer = peer.id, .endpoint = from});
  install(peer, now, Role::initiator, message.receiver, message.sender, std::move(*keys), actions);
  reschedule(peer, now);
  return {};
}

Result<void, Drop> Device::on_cookie_reply(Now now, const wire::CookieReply& message, Actions& actions) {
  const auto found = by_index_.find(message.receiver);
  if (found == by_index_.end()) return Err{Drop::unexpected_cookie};
  Peer& peer = *peers_[found->second.slot];
  if (auto taken = peer.cookie.take(now.mono, peer.public_key, message); !taken) return taken;
  actions.events.push_back({.kind = Event::Kind::cookie_received, .peer = peer.id});
  return {};
}

// The caller has checked that the peer can be sent to.
void Device::initiate(Peer& peer, Now now, Actions& actions) {
  forget_pending(peer);
  const Stamp stamp = fresh_stamp(now.wall, peer.last_stamp_sent);
  const std::uint32_t local_index = new_index(peer, IndexEntry::Kind::pending);
  auto made = make_initiation(identity_, peer.public_key, *peer.static_shared, new_ephemeral(), stamp, local_index);
  if (!made) {
    by_index_.erase(local_index);
    return;
  }
  peer.last_stamp_sent = stamp;
  peer.last_initiation_sent = now.mono;
  peer.jitter = new_jitter();
  peer.pending = std::make_unique<PendingInitiation>(std::move(made->pending));
  send_handshake(peer, now, made->message, actions);
}

template <class Message>
void Device::send_handshake(Peer& peer, Now now, Message& message, Actions& actions) {
  peer.cookie.stamp(now.mono, peer.public_key, message);
  peer.handshake_octets_sent += sizeof message;
  (void)peer.traffic->note_sent(now.mono, Carries::nothing);
  actions.outgoing.push_back(outgoing(message, *peer.endpoint, peer.source, kHandshakeTos));
  actions.outgoing.back().peer = peer.id;
}

void Device::heard_handshake(Peer& peer, Now now, const Endpoint& from, const std::optional<Source>& local,
                             std::size_t octets, Actions& actions) {
  peer.handshake_octets_received += octets;
  (void)peer.traffic->note_heard(now.mono, Carries::nothing);
  if (peer.endpoint == from && peer.source == local) return;
  if (peer.endpoint != from)
    actions.events.push_back({.kind = Event::Kind::endpoint_moved, .peer = peer.id, .endpoint = from});
  peer.endpoint = from;
  peer.source = local;
  actions.post(change::EndpointMoved{peer.id, from, local});
}

// Have we answered an initiation while our own was on its way? Both sides agree on who wins: the smaller public key.
Sessions::Crossing Device::crossing(const Peer& peer) const noexcept {
  using Crossing = Sessions::Crossing;
  const SessionRef& theirs = peer.sessions.next;
  if (!theirs || theirs->born < peer.last_initiation_sent) return Crossing::none;
  return identity_.public_key < peer.public_key ? Crossing::ours_wins : Crossing::theirs_wins;
}

void Device::install(Peer& peer, Now now, Role role, std::uint32_t local, std::uint32_t remote, SessionKeys keys,
                     Actions& actions) {
  auto session = std::make_shared<Session>(peer.id, role, now.mono, local, remote, std::move(keys));
  const Sessions before = peer.sessions;
  peer.keys_born = now.mono;
  using Then = change::SessionsReplaced::Then;
  if (role == Role::initiator)
    peer.sessions.install_as_initiator(std::move(session), crossing(peer));
  else
    peer.sessions.install_as_responder(std::move(session));
  forget_replaced(before, peer.sessions);
  post_sessions(peer, role == Role::initiator ? Then::confirm : Then::nothing, actions);
}

void Device::forget_replaced(const Sessions& before, const Sessions& after) {
  for (const SessionRef& s : {before.previous, before.current, before.next})
    if (s && s != after.previous && s != after.current && s != after.next) by_index_.erase(s->local_index);
}

}  // namespace culvert
