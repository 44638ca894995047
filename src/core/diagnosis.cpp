// SPDX-License-Identifier: MIT
#include "diagnosis.hpp"

#include <algorithm>

#include "device.hpp"

namespace culvert {
namespace {

/// What was seen this long ago explains nothing any more: a little longer than a handshake is tried for.
constexpr std::chrono::seconds kFresh{180};
/// Data without any answer for so long counts as silence: the peer's keepalive is overdue [W 6.5].
constexpr Duration kSilence = params::kKeepaliveTimeout + params::kRekeyTimeout;
/// A first answer may be lost; a second silence after a good handshake is no chance any more.
constexpr std::uint32_t kStopsAnswered = 2;

/// Strangers' messages of these kinds are worth a line; others are late or damaged copies of good ones.
bool is_strangers(Drop drop) noexcept {
  return drop == Drop::not_wireguard || drop == Drop::bad_mac1 || drop == Drop::unknown_peer ||
         drop == Drop::rate_limited || drop == Drop::cookie_demanded || drop == Drop::bad_static_tag;
}

/// It was here, at an address that it has told itself.
bool is_lost(const PeerNotes& notes) noexcept { return notes.worked && notes.origin != EndpointOrigin::configured; }

}  // namespace

void HandshakeTimes::add(Duration took) noexcept {
  const double seconds = std::chrono::duration<double>(took).count();
  std::size_t i = 0;
  while (i < kBounds.size() && seconds > kBounds[i]) ++i;
  ++counts[i];
  sum_seconds += seconds;
}

PeerNotes& Diagnosis::notes(PeerId peer) {
  PeerNotes& found = by_slot_[peer.slot];
  if (found.id != peer) {  // another peer has the slot now, or nobody had it yet
    found = {};
    found.id = peer;
  }
  return found;
}

// Without notes this is what is shown anyway, and ten thousand peers of one file want none.
void Diagnosis::endpoint_configured(PeerId peer) noexcept {
  const auto found = by_slot_.find(peer.slot);
  if (found != by_slot_.end() && found->second.id == peer) found->second.origin = EndpointOrigin::configured;
}

void Diagnosis::let_in(PeerId peer) noexcept {
  const auto found = by_slot_.find(peer.slot);
  if (found == by_slot_.end() || found->second.id != peer) return;
  for (const Problem blocked : {Problem::disabled, Problem::expired}) found->second.problems.forget(blocked);
}

const PeerNotes* Diagnosis::of(PeerId peer) const noexcept {
  const auto found = by_slot_.find(peer.slot);
  return found != by_slot_.end() && found->second.id == peer ? &found->second : nullptr;
}

/// True when this is the first since the peer last worked.
bool Diagnosis::note(Now now, PeerNotes& notes, Problem problem, const std::optional<IpAddress>& address) {
  const ProblemRecord* before = notes.problems.of(problem);
  const bool news = before == nullptr || (notes.worked && before->last <= *notes.worked);
  notes.problems.note(problem, now, address);
  return news;
}

std::optional<Event> Diagnosis::note(Now now, PeerId peer, Problem problem, const std::optional<IpAddress>& address) {
  PeerNotes& about = notes(peer);
  // Behind a NAT it is the NAT that says so, of a port that it has forgotten.
  if (problem == Problem::port_closed && is_lost(about)) problem = Problem::answers_no_more;
  if (!note(now, about, problem, address)) return std::nullopt;
  return Event{.kind = Event::Kind::problem,
               .peer = peer,
               .endpoint = address ? std::optional(Endpoint{*address, 0, 0}) : std::nullopt,
               .problem = problem,
               .news = true};
}

std::optional<Event> Diagnosis::dropped(Now now, const report::Dropped& report) {
  const auto last = std::find_if(last_drops_.begin(), last_drops_.end(),
                                 [&](const LastDrop& drop) { return drop.drop == report.drop; });
  const LastDrop entry{report.drop, report.address, now.wall};
  if (last == last_drops_.end())
    last_drops_.push_back(entry);
  else
    *last = entry;
  const auto problem = problem_of(report.drop);
  if (!report.peer || !problem) return std::nullopt;
  return note(now, *report.peer, *problem, report.address);
}

void Diagnosis::take(Now now, Event& event, const Peer* peer) {
  if (event.kind == Event::Kind::refused) return refused(now, event);
  if (event.peer && peer != nullptr) about_peer(now, event, notes(*event.peer));
}

void Diagnosis::about_peer(Now now, Event& event, PeerNotes& notes) {
  using Kind = Event::Kind;
  switch (event.kind) {
    case Kind::initiation_sent:
    case Kind::initiation_retried:
      return asked(now, event, notes);
    case Kind::stopped_hearing:
      event.news = std::exchange(notes.up, false);
      notes.stopped = true;
      return;
    case Kind::gave_up:
      if (const ProblemRecord* cause = notes.problems.cause(notes.calls_from.value_or(now.mono)))
        event.problem = cause->problem;
      event.news = true;
      notes.up = false;
      return;
    case Kind::response_sent:
      if (notes.answered) {
        event.problem = Problem::never_confirmed;
        event.news = note(now, notes, Problem::never_confirmed);
      }
      notes.answered = now.mono;
      return;
    case Kind::response_received:
    case Kind::session_confirmed:
      return worked(now, event, notes);
    case Kind::keys_wiped:
      notes.up = false;
      notes.answered.reset();
      return;
    case Kind::cookie_received:
      event.problem = Problem::cookie_demanded;
      event.news = note(now, notes, Problem::cookie_demanded);
      return;
    case Kind::endpoint_moved:
      notes.origin = event.detail != 0 ? EndpointOrigin::roamed : EndpointOrigin::handshake;
      return;
    case Kind::initiation_received:
    case Kind::keepalive_sent:
    case Kind::cookie_sent:
    case Kind::refused:
    case Kind::problem:
      return;
  }
}

// A retry says that the try before it has not been answered, where nothing else has been heard of that try.
void Diagnosis::asked(Now now, Event& event, PeerNotes& notes) {
  if (event.kind == Event::Kind::initiation_retried) {
    const ProblemRecord* known = notes.problems.cause(notes.asked.value_or(now.mono));
    if (known == nullptr) event.news = note(now, notes, is_lost(notes) ? Problem::answers_no_more : Problem::no_answer);
    if (const ProblemRecord* cause = notes.problems.cause(notes.calls_from.value_or(now.mono)))
      event.problem = cause->problem;
  } else {
    notes.tries = 0;
    notes.calls_from = now.mono;
  }
  ++notes.tries;
  ++notes.initiations_sent;
  notes.asked = now.mono;
}

void Diagnosis::worked(Now now, Event& event, PeerNotes& notes) {
  if (event.kind == Event::Kind::response_received) {
    ++notes.responses_received;
    if (notes.asked) {
      notes.round_trip = now.mono - *notes.asked;
      times_.add(*notes.round_trip);
    }
  }
  event.news = !notes.up;
  notes.up = true;
  notes.worked = now.mono;
  notes.asked.reset();
  notes.calls_from.reset();
  notes.answered.reset();
  notes.tries = 0;
  notes.stops_answered = std::exchange(notes.stopped, false) ? notes.stops_answered + 1 : 0;
  if (notes.stops_answered >= kStopsAnswered) {
    event.problem = Problem::data_unanswered;
    (void)note(now, notes, Problem::data_unanswered);
  }
}

void Diagnosis::refused(Now now, Event& event) {
  const Drop drop = event.drop.value_or(Drop::not_wireguard);
  const Endpoint from = event.endpoint.value_or(Endpoint{});
  if (event.peer) {
    event.problem = problem_of(drop);
    if (event.problem) event.news = note(now, notes(*event.peer), *event.problem, from.address);
    return;
  }
  if (is_strangers(drop)) strangers_.refused(now, drop, from);
  if (drop == Drop::unknown_peer && event.key) strangers_.showed_key(now, *event.key, from);
}

std::string_view name(PeerState state) noexcept {
  switch (state) {
    case PeerState::up:
      return "up";
    case PeerState::silent:
      return "silent";
    case PeerState::waiting:
      return "waiting";
    case PeerState::idle:
      return "idle";
    case PeerState::never_connected:
      return "never_connected";
    case PeerState::link_down:
      return "link_down";
    case PeerState::blocked:
      return "blocked";
  }
  return "unknown";
}

PeerVerdict judge(const Peer& peer, const PeerNotes* notes, Link link, Instant now) noexcept {
  static const PeerNotes kNothing{};
  const PeerNotes& known = notes != nullptr ? *notes : kNothing;
  PeerVerdict verdict{.tries = known.tries};
  if (peer.blocked != Blocked::no) {
    static const ProblemRecord kDisabled{.problem = Problem::disabled, .wall = {}};
    static const ProblemRecord kExpired{.problem = Problem::expired, .wall = {}};
    verdict.state = PeerState::blocked;
    verdict.cause = peer.blocked == Blocked::disabled ? &kDisabled : &kExpired;
    return verdict;
  }
  Instant since = now - kFresh;
  if (known.worked) since = std::max(since, *known.worked + Duration(1));
  verdict.cause = known.problems.cause(since);
  // That nobody answers is what waiting means; anything else is a reason.
  const bool known_cause = verdict.cause != nullptr && verdict.cause->problem != Problem::no_answer &&
                           verdict.cause->problem != Problem::cookie_demanded;
  const bool has_session = peer.sessions.current && !is_expired(*peer.sessions.current, now);
  const auto unheard = peer.traffic->unheard_since.load();
  const bool silent = known.stopped || known.tries > 1 || (unheard && now - *unheard >= kSilence);

  // A packet of the peer's own refutes whatever was said before it.
  const auto heard = peer.traffic->last_heard.load();
  const bool stands = known_cause && !(heard && *heard >= verdict.cause->last);

  if (link == Link::down) {
    verdict.state = PeerState::link_down;
  } else if (has_session && !silent && !stands) {
    verdict.state = PeerState::up;
  } else if (known_cause) {
    verdict.state = PeerState::blocked;
  } else if (has_session) {
    verdict.state = PeerState::silent;
    verdict.silent_for = now - heard.value_or(peer.sessions.current->born);
  } else if (peer.pending || peer.initiation_wanted || peer.sessions.next) {
    verdict.state = PeerState::waiting;
  } else {
    verdict.state = peer.last_handshake ? PeerState::idle : PeerState::never_connected;
  }
  return verdict;
}

}  // namespace culvert
