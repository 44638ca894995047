// SPDX-License-Identifier: MIT
// Handshake messages in and out, behind the door (device_door.cpp): the handshake's own tags, and the replay rules.
// What fails anywhere changes nothing but a counter; state is assigned in the last lines of each function.
//
// A message is handled in steps, so that the mathematics between them may be done elsewhere:
//   begin             what is to be computed
//   compute           (handshake_job.cpp, any thread)
//   commit            looks again at all that may have changed since, then assigns; or wants a second step computed
// `handle` does them in a row.
#include "device.hpp"
#include "params.hpp"
#include "x25519.hpp"

namespace culvert {
namespace {

constexpr std::uint8_t kHandshakeTos = 0x88;  // DSCP AF41 [K]

}  // namespace

Result<void, Drop> Device::handle(Now now, Bytes datagram, const Endpoint& from, const std::optional<Source>& local,
                                  Load load, Actions& actions) {
  const auto admitted = admit(now, datagram, from, local, load, actions);
  if (!admitted) return Err{admitted.error()};
  if (*admitted == Admission::done) return {};
  auto job = begin(datagram, from, local, actions);
  while (job && *job) {
    compute(**job);
    job = commit(now, *std::move(*job), actions);
  }
  if (!job) return Err{job.error()};
  return {};
}

Device::Step Device::begin(Bytes datagram, const Endpoint& from, const std::optional<Source>& local, Actions& actions) {
  const auto type = wire::classify(datagram);
  HandshakeJob job;
  job.identity = identity_;
  job.from = from;
  job.local = local;
  const auto outcome = [&]() -> Result<void, Drop> {
    if (!type) return Err{Drop::not_wireguard};
    switch (*type) {
      case wire::Type::initiation:
        job.step = ClaimJob{.message = wire::load<wire::Initiation>(datagram), .claimed = {}};
        return {};
      case wire::Type::response:
        return begin_response(wire::load<wire::Response>(datagram), job);
      case wire::Type::cookie_reply:  // the door is done with it
      case wire::Type::data:
        break;
    }
    return Err{Drop::not_wireguard};
  }();
  if (!outcome) return refuse(outcome.error(), from, job.claimant, actions);
  return std::optional(std::move(job));
}

Device::Step Device::commit(Now now, HandshakeJob job, Actions& actions) {
  const auto outcome = [&]() -> Result<void, Drop> {
    if (link_ == Link::down) return Err{Drop::interface_down};
    // Our key is another one now: the message was not for it.
    if (!has_identity_ || job.identity != identity_) return Err{Drop::bad_mac1};
    if (job.refused) return Err{*job.refused};
    if (std::holds_alternative<ClaimJob>(job.step)) return commit_claim(now, job);
    if (std::holds_alternative<AnswerJob>(job.step)) return commit_answer(now, job, actions);
    return commit_response(now, job, actions);
  }();
  if (!outcome) return refuse(outcome.error(), job.from, job.claimant, actions);
  if (const auto* answer = std::get_if<AnswerJob>(&job.step); answer && !answer->made)
    return std::optional(std::move(job));
  return std::optional<HandshakeJob>{};
}

Err<Drop> Device::refuse(Drop why, const Endpoint& from, const Claimant& by, Actions& actions) {
  actions.events.push_back(
      {.kind = Event::Kind::refused, .peer = by.peer, .drop = why, .endpoint = from, .key = by.key});
  return Err{why};
}

// From the claim to the answer: the peer is known, and it proves by its timestamp that it called, and not before.
Result<void, Drop> Device::commit_claim(Now now, HandshakeJob& job) {
  ClaimedInitiation claim = *std::move(std::get<ClaimJob>(job.step).claimed);
  job.claimant.key = claim.static_key;
  const auto found = by_key_.find(claim.static_key);
  if (found == by_key_.end()) return Err{Drop::unknown_peer};
  const Peer& peer = *peers_[found->second];
  job.claimant.peer = peer.id;
  if (!peer.static_shared) return Err{Drop::zero_shared_secret};

  auto verified = verify_initiation(std::move(claim), *peer.static_shared);
  if (!verified) return Err{verified.error()};
  const Stamp stamp = verified->timestamp;
  if (const auto fresh = is_fresh(peer, now, stamp); !fresh) return fresh;

  AnswerJob answer{.peer = peer.id,
                   .initiation = *std::move(verified),
                   .stamp = stamp,
                   .index = free_index(peer),
                   .preshared_key = peer.preshared_key.clone(),
                   .ephemeral = {},
                   .ephemeral_public = {},
                   .made = {}};
  if (auto prepared = take_prepared()) {
    answer.ephemeral = std::move(prepared->private_key);
    answer.ephemeral_public = prepared->public_key;
  } else {
    answer.ephemeral = crypto::generate_private_key(entropy_);
  }
  job.step = std::move(answer);
  return {};
}

Result<void, Drop> Device::is_fresh(const Peer& peer, Now now, const Stamp& stamp) {
  if (peer.blocked != Blocked::no) return Err{reason_of(peer.blocked)};
  if (stamp <= peer.greatest_stamp_received) return Err{Drop::old_timestamp};
  if (peer.last_initiation_accepted && now.mono - *peer.last_initiation_accepted < params::kInitiationInterval)
    return Err{Drop::initiations_too_close};
  return {};
}

Result<void, Drop> Device::commit_answer(Now now, HandshakeJob& job, Actions& actions) {
  AnswerJob& answer = std::get<AnswerJob>(job.step);
  Peer* const found = find(answer.peer);
  if (found == nullptr) return Err{Drop::unknown_peer};
  Peer& peer = *found;
  if (const auto fresh = is_fresh(peer, now, answer.stamp); !fresh) return fresh;

  const std::uint32_t local_index = take_index(peer, answer.index, IndexEntry::Kind::session);
  wire::Response& message = answer.made->message;
  message.sender = local_index;
  peer.greatest_stamp_received = answer.stamp;
  peer.last_initiation_accepted = now.mono;
  peer.last_response_sent = now.mono;
  actions.events.push_back({.kind = Event::Kind::initiation_received, .peer = peer.id, .endpoint = job.from});
  heard_handshake(peer, now, job.from, job.local, sizeof(wire::Initiation), actions);
  send_handshake(peer, now, message, actions);
  actions.events.push_back({.kind = Event::Kind::response_sent, .peer = peer.id, .endpoint = job.from});
  install(peer, now, Role::responder, local_index, message.receiver, std::move(answer.made->keys), actions);
  reschedule(peer, now);
  return {};
}

Result<void, Drop> Device::begin_response(const wire::Response& message, HandshakeJob& job) {
  const auto found = by_index_.find(message.receiver);
  if (found == by_index_.end() || found->second.kind != IndexEntry::Kind::pending)
    return Err{Drop::unexpected_response};
  const Peer& peer = *peers_[found->second.slot];
  job.claimant.peer = peer.id;
  job.step = FinishJob{.peer = peer.id,
                       .pending = peer.pending->clone(),
                       .preshared_key = peer.preshared_key.clone(),
                       .message = message,
                       .keys = {}};
  return {};
}

Result<void, Drop> Device::commit_response(Now now, HandshakeJob& job, Actions& actions) {
  FinishJob& finish = std::get<FinishJob>(job.step);
  Peer* const waiting = find(finish.peer);
  // The very initiation that was answered: an index may come again, a transcript may not.
  if (waiting == nullptr || !waiting->pending || waiting->pending->hash != finish.pending.hash)
    return Err{Drop::unexpected_response};
  Peer& peer = *waiting;

  const wire::Response& message = finish.message;
  by_index_.at(message.receiver).kind = IndexEntry::Kind::session;  // the index lives on as the session's
  peer.pending.reset();
  peer.retries = 0;
  peer.initiation_wanted = false;
  peer.last_handshake = now.wall;
  heard_handshake(peer, now, job.from, job.local, sizeof message, actions);
  actions.events.push_back({.kind = Event::Kind::response_received, .peer = peer.id, .endpoint = job.from});
  install(peer, now, Role::initiator, message.receiver, message.sender, std::move(*finish.keys), actions);
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
  const std::uint32_t local_index = take_index(peer, free_index(peer), IndexEntry::Kind::pending);
  auto made = make_initiation(*identity_, peer.public_key, *peer.static_shared, new_ephemeral(), stamp, local_index);
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
  actions.outgoing.emplace_back(message, *peer.endpoint, peer.source, kHandshakeTos);
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
  return identity_->public_key < peer.public_key ? Crossing::ours_wins : Crossing::theirs_wins;
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
  forget_replaced(peer, before);
  post_sessions(peer, role == Role::initiator ? Then::confirm : Then::nothing, actions);
}

void Device::forget_replaced(Peer& peer, const Sessions& before) {
  const Sessions& after = peer.sessions;
  for (const SessionRef& s : {before.previous, before.current, before.next}) {
    if (!s || s == after.previous || s == after.current || s == after.next) continue;
    by_index_.erase(s->local_index);
    peer.keep_arrivals(*s);
  }
}

}  // namespace culvert
