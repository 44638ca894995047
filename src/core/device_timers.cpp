// SPDX-License-Identifier: MIT
// Reports of lanes, and what time brings: the actions for each `Due` of timers.hpp.
#include "device.hpp"
#include "overloaded.hpp"
#include "params.hpp"

namespace culvert {
namespace {

constexpr std::chrono::duration<std::uint32_t> kSilence{params::kKeepaliveTimeout + params::kRekeyTimeout};

// A lane may have asked before the mail with this session reached it: then there is nothing to do any more.
bool serves(const Session* session, Instant now) noexcept {
  if (session == nullptr || is_expired(*session, now)) return false;
  const bool old = session->role == Role::initiator && now - session->born >= params::kRekeyAfterTime;
  return !old && session->send_counter.load(std::memory_order_relaxed) <= params::kRekeyAfterMessages;
}

}  // namespace

void Device::handle(Now now, const Report& report, Actions& actions) {
  const auto with_peer = [&](PeerId id, auto&& action) {
    Peer* peer = find(id);
    if (peer == nullptr || link_ == Link::down) return;
    action(*peer);
    reschedule(*peer, now);
  };
  std::visit(Overloaded{
                 [&](const report::Handshake&) {},
                 [&](const report::SessionWanted& r) {
                   with_peer(r.peer, [&](Peer& peer) { want_session(peer, now, actions); });
                 },
                 [&](const report::Confirmed& r) {
                   with_peer(r.peer, [&](Peer& peer) { confirm(peer, now, r.local_index, actions); });
                 },
                 [&](const report::Roamed& r) {
                   with_peer(r.peer, [&](Peer& peer) {
                     if (peer.endpoint != r.endpoint)
                       actions.events.push_back(
                           {.kind = Event::Kind::endpoint_moved, .peer = peer.id, .detail = 1, .endpoint = r.endpoint});
                     peer.endpoint = r.endpoint;
                     peer.source = r.source;
                     // To that lane as well, which may have been told of another endpoint since it saw this one.
                     actions.post(change::EndpointMoved{peer.id, r.endpoint, r.source});
                   });
                 },
                 [&](const report::Active& r) { with_peer(r.peer, [](Peer&) {}); },
                 [&](const report::SourceRejected& r) {
                   with_peer(r.peer, [&](Peer& peer) { forget_source(peer, actions); });
                 },
                 // Nothing that a drop or an ICMP message says changes the protocol's course.
                 [](const report::Dropped&) {},
                 [](const report::Unreachable&) {},
             },
             report);
}

// A packet waits for a session, or one is getting old. Never closer than 5 s to the initiation before;
// `initiation_wanted` keeps the wish until then. While one is under way, fresh traffic grants it all its tries again
// [K].
void Device::want_session(Peer& peer, Now now, Actions& actions) {
  peer.retries = 0;
  if (peer.pending || !can_send(peer) || serves(peer.sessions.current.get(), now.mono)) return;
  peer.initiation_wanted = true;
  if (next_action(peer.instants(), now.mono).due == Due::initiate) perform(peer, now, Due::initiate, actions);
}

void Device::confirm(Peer& peer, Now now, std::uint32_t local_index, Actions& actions) {
  const Sessions before = peer.sessions;
  if (!peer.sessions.confirm(local_index)) return;
  forget_replaced(peer, before);
  // The other side's session serves both: an initiation of our own is not awaited any longer [K].
  forget_pending(peer);
  peer.retries = 0;
  peer.initiation_wanted = false;
  peer.last_handshake = now.wall;
  actions.events.push_back({.kind = Event::Kind::session_confirmed, .peer = peer.id});
  post_sessions(peer, change::SessionsReplaced::Then::flush, actions);
}

void Device::run_timers(Now now, Actions& actions) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now.mono) {
    Peer& peer = *peers_[deadlines_.begin()->second];
    // Each action removes its own cause; the bound only guards against a rule that would not.
    for (int guard = 0; guard < 8; ++guard) {
      const NextAction next = next_action(peer.instants(), now.mono);
      if (next.due == Due::nothing) break;
      perform(peer, now, next.due, actions);
    }
    reschedule(peer, now);
  }
}

void Device::perform(Peer& peer, Now now, Due due, Actions& actions) {
  const auto event = [&](Event::Kind kind, std::uint32_t detail = 0) {
    actions.events.push_back({.kind = kind, .peer = peer.id, .detail = detail, .endpoint = peer.endpoint});
  };
  switch (due) {
    case Due::nothing:
      return;

    case Due::wipe:
      // A handshake under way has its own end, and staged packets wait for it. What was owed under the old keys is not
      // owed any more: both instants are set this late only after a suspend.
      forget_sessions(peer);
      peer.traffic->unheard_since.clear();
      peer.traffic->unanswered_since.clear();
      post_sessions(peer, change::SessionsReplaced::Then::nothing, actions);
      return event(Event::Kind::keys_wiped);

    case Due::give_up:
      event(Event::Kind::gave_up, static_cast<std::uint32_t>(peer.retries) + 1);
      forget_pending(peer);
      peer.retries = 0;
      peer.traffic->unanswered_since.clear();
      actions.post(change::StagedDropped{peer.id});
      return;

    case Due::retry_initiation:
      if (!can_send(peer)) return forget_pending(peer);
      ++peer.retries;
      event(Event::Kind::initiation_retried, static_cast<std::uint32_t>(peer.retries) + 1);
      forget_source(peer, actions);
      return initiate(peer, now, actions);

    case Due::initiate:
      if (!std::exchange(peer.initiation_wanted, false)) {
        event(Event::Kind::stopped_hearing, kSilence.count());
        forget_source(peer, actions);
      }
      peer.traffic->unheard_since.clear();
      if (!can_send(peer)) return;
      peer.retries = 0;
      event(Event::Kind::initiation_sent);
      return initiate(peer, now, actions);

    case Due::passive_keepalive:
      peer.traffic->unanswered_since.clear();
      peer.last_persistent = now.mono;  // one that is due as well is not sent twice
      event(Event::Kind::keepalive_sent);
      return send_keepalive(peer, actions);

    case Due::persistent_keepalive:
      peer.last_persistent = now.mono;
      event(Event::Kind::keepalive_sent);
      return send_keepalive(peer, actions);
  }
}

void Device::send_keepalive(Peer& peer, Actions& actions) {
  actions.post_to(home_lane(peer), change::KeepaliveWanted{peer.id});
}

void Device::network_changed(Actions& actions) {
  for (const auto& peer : peers_) {
    if (!peer) continue;
    forget_source(*peer, actions);
    if (link_ == Link::up && can_send(*peer) && peer->sessions.current) send_keepalive(*peer, actions);
  }
}

void Device::forget_source(Peer& peer, Actions& actions) {
  if (!peer.source) return;
  peer.source.reset();
  actions.post(change::EndpointMoved{peer.id, peer.endpoint, std::nullopt});
}

// A quiet peer is not watched: the lane that writes its next instant reports. Writer and reader may just miss each
// other (each sees the other's old word), so the flag's fall is followed by one more look.
void Device::reschedule(Peer& peer, Now now) {
  constexpr std::chrono::seconds kOneMoreLook{1};
  std::optional<Instant> at;
  if (link_ == Link::up) {
    const PeerInstants instants = peer.instants();
    at = next_action(instants, now.mono).at;
    const bool active = instants.unheard_since || instants.unanswered_since;
    const bool was_watched = peer.traffic->watched.exchange(active, std::memory_order_relaxed);
    const auto look_at_latest = [&](Instant when) { at = std::min(at.value_or(Instant::max()), when); };
    if (was_watched && !active) look_at_latest(now.mono + kOneMoreLook);
    // A lane that is watched writes further instants in silence; the soonest that one can be due is a keepalive.
    if (active) look_at_latest(now.mono + params::kKeepaliveTimeout);
  }
  if (at) at = std::max(*at, now.mono);  // what may be done since long is due now
  if (at == peer.deadline) return;
  if (peer.deadline) deadlines_.erase({*peer.deadline, peer.id.slot});
  if (at) deadlines_.insert({*at, peer.id.slot});
  peer.deadline = at;
}

std::optional<Instant> Device::next_deadline() const noexcept {
  return deadlines_.empty() ? std::nullopt : std::optional(deadlines_.begin()->first);
}

}  // namespace culvert
