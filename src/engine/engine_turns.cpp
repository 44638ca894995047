// SPDX-License-Identifier: MIT
// A turn of the control thread: what the workers computed is committed, more is given to them, what is due is done, and
// what follows is handed out. Messages come to the queue between turns, from control's sockets or a lane's ring,
// through the device's door; what the door refuses is answered at once, and what it takes at once, a cookie, never
// waits. Nothing here multiplies, so that a flood of handshakes delays timers and reports by the time of a few hashes
// only.
#include <asio/post.hpp>

#include "engine_state.hpp"

namespace culvert::engine {
namespace {

constexpr int kErrorsATurn = 16;
constexpr std::chrono::milliseconds kErrorInterval{5};
constexpr std::size_t kMessagesATurn = 64;
constexpr std::size_t kReceivesATurn = 4;  // of each socket
constexpr std::size_t kSendsACall = 32;
constexpr std::size_t kEventsADrain = 4;
constexpr std::size_t kReportsATurn = 256;  // of each lane

}  // namespace

void Engine::State::drain(ControlSocket& control) {
  io::UdpSocket& socket = *control.socket;
  Actions actions;
  const Now now = read_now();
  refusals_told = 0;
  io::ReceiveStatus status = io::ReceiveStatus::received;
  for (std::size_t i = 0; i < kReceivesATurn && status == io::ReceiveStatus::received; ++i) {
    const io::ReceiveOutcome outcome = socket.receive(slab);
    status = outcome.status;
    for (const io::InTrain& train : outcome.trains) {
      control.senders->count(train.from.address, io::datagram_count(train.octets.size(), train.stride));
      io::for_each_datagram(train, [&](Bytes datagram) { screen(now, datagram, train, actions); });
    }
  }
  // Fewer than a batch may as well be the doing of an error that waited, which anybody can cause by ICMP.
  if (status == io::ReceiveStatus::empty) control.senders->found_empty();
  control.senders->spent(read_monotonic() - now.mono);
  // Of a flood people need to hear once; each message of it is counted.
  if (actions.events.size() > kEventsADrain) actions.events.resize(kEventsADrain);
  deliver(now, std::move(actions));
  if (status == io::ReceiveStatus::received) return;
  for (int i = 0; i < kErrorsATurn; ++i) {
    const auto error = io::take_icmp_error(socket.descriptor());
    if (!error) return;
    note_report(now, unreachable(*error));
  }
}

void Engine::State::screen(Now now, Bytes datagram, const io::InTrain& train, Actions& actions) {
  if (train.truncated) return drops.count(Way::in, Drop::truncated);
  // The kernel gathers by flow before it steers, and steers a train by its first octets: a shorter data message of the
  // same TOS may hang behind a handshake message. It is lost as if on its way; at its lane it would come out of order.
  if (wire::classify(datagram) == wire::Type::data) return drops.count(Way::in, Drop::unknown_index);
  if (datagram.size() > wire::kLargestHandshake) return drops.count(Way::in, Drop::not_wireguard);
  report::Handshake message;
  std::copy(datagram.begin(), datagram.end(), message.octets.begin());
  message.size = datagram.size();
  message.from = train.from;
  message.local = train.local;
  enqueue(now, message, actions);
}

void Engine::State::enqueue(Now now, const report::Handshake& message, Actions& actions) {
  const Bytes datagram = Bytes(message.octets).first(message.size);
  if (const auto type = device.screen(datagram); !type) {
    drops.count(Way::in, type.error());
    diagnosis.refused(now, type.error(), message.from);
    if (refusals_told++ < kEventsADrain)
      handlers.event({.kind = Event::Kind::refused, .drop = type.error(), .endpoint = message.from}, nullptr);
    return;
  }
  const auto admitted = device.admit(now, datagram, message.from, message.local, queue.load(now.mono), actions);
  if (!admitted) return drops.count(Way::in, admitted.error());
  if (*admitted == Admission::done) {
    ++packets.handshakes;
    return;
  }
  if (!queue.push(now.mono, message)) drops.count(Way::in, Drop::handshake_queue_full);
}

void Engine::State::take_lane_reports() {
  const Now now = read_now();
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    Actions actions;
    LaneReport item;
    std::size_t taken = 0;
    for (; taken < kReportsATurn && lanes[i]->take_report(item); ++taken) {
      if (const auto* notice = std::get_if<Notice>(&item)) {
        handlers.notice(*notice);
      } else if (const auto* message = std::get_if<report::Handshake>(&std::get<Report>(item))) {
        ++packets.taken_over;
        enqueue(now, *message, actions);
      } else {
        note_report(now, std::get<Report>(item));
        device.handle(now, std::get<Report>(item), actions);
      }
    }
    if (taken == kReportsATurn) wakeup.wake();  // more may wait: after the others' turn
    deliver(now, std::move(actions));
  }
}

void Engine::State::turn() {
  const Now now = read_now();
  thin_floods(now.mono);
  Actions actions;
  commit(now, actions);
  begin(actions);
  device.run_timers(now, actions);
  deliver(now, std::move(actions));
  rearm();
  const bool idle = queue.size() == 0 && workers.under_way() == 0;
  // The workers wake us when they want more; until then only a turn that ended by its bound has something left to do.
  if ((queue.size() != 0 && !workers.full()) || (idle && device.prepare_ephemeral())) post_turn();
}

// Takes what the workers have done; what has a second step goes back to them before anything new.
void Engine::State::commit(Now now, Actions& actions) {
  while (auto job = workers.take()) {
    auto next = device.commit(now, *std::move(job), actions);
    if (!next) {
      drops.count(Way::in, next.error());
    } else if (*next) {
      tell_secrets(**next);
      workers.submit(**std::move(next));
    } else {
      ++packets.handshakes;
    }
  }
}

void Engine::State::begin(Actions& actions) {
  for (std::size_t i = 0; i < kMessagesATurn && !workers.full(); ++i) {
    const report::Handshake* message = queue.pop();
    if (message == nullptr) return;
    const Bytes datagram = Bytes(message->octets).first(message->size);
    auto job = device.begin(datagram, message->from, message->local, actions);
    if (!job)
      drops.count(Way::in, job.error());
    else if (*job)
      workers.submit(**std::move(job));
    else
      ++packets.handshakes;
  }
}

void Engine::State::post_turn() {
  if (std::exchange(turn_posted, true)) return;
  asio::post(context, [this, still = std::weak_ptr<bool>(alive)] {
    if (still.expired()) return;
    turn_posted = false;
    turn();
  });
}

void Engine::State::deliver(Now now, Actions actions) {
  if (!actions.posts.empty()) {
    std::vector<std::vector<LaneMail>> mail(lanes.size());
    for (Post& post : actions.posts)
      for (std::size_t i = 0; i < lanes.size(); ++i)
        if (post.to.include(i)) mail[i].emplace_back(post.change);
    for (std::size_t i = 0; i < lanes.size(); ++i) lanes[i]->post(std::move(mail[i]));
  }
  if (capture)
    for (const Outgoing& outgoing : actions.outgoing) tell_secrets(outgoing);
  send(now, actions.outgoing);
  for (const Event& event : actions.events) tell(now, event);
}

void Engine::State::tell(Now now, Event event) {
  const Peer* peer = event.peer ? device.peer(*event.peer) : nullptr;
  diagnosis.take(now, event, peer);
  handlers.event(event, peer);
}

void Engine::State::tell(const std::optional<Event>& event) {
  if (event) handlers.event(*event, event->peer ? device.peer(*event->peer) : nullptr);
}

void Engine::State::note_report(Now now, const Report& report) {
  if (const auto* dropped = std::get_if<report::Dropped>(&report)) tell(diagnosis.dropped(now, *dropped));
  const auto* error = std::get_if<report::Unreachable>(&report);
  if (error == nullptr || now.mono < next_error) return;
  next_error = now.mono + kErrorInterval;  // anybody may send ICMP messages, and each is compared with all peers
  device.for_each_peer([&](const Peer& peer) {
    if (peer.endpoint == error->to) tell(diagnosis.note(now, peer.id, error->problem, error->told_by));
  });
}

void Engine::State::send(Now now, std::span<const Outgoing> outgoing) {
  std::array<io::OutTrain, kSendsACall> trains;
  std::array<io::SendOutcome, kSendsACall> outcomes;
  packets.own_made += outgoing.size();
  while (!outgoing.empty()) {
    const Family family = outgoing.front().to.address.family;
    std::size_t count = 0;
    for (; count < std::min(outgoing.size(), kSendsACall) && outgoing[count].to.address.family == family; ++count) {
      const Outgoing& out = outgoing[count];
      trains[count] = {.to = out.to,
                       .from = out.from,
                       .tos = out.tos,
                       .octets = Bytes(out.octets).first(out.size),
                       .stride = out.size};
    }
    const std::span<const Outgoing> batch = outgoing.first(count);
    outgoing = outgoing.subspan(count);
    io::UdpSocket* socket = (family == Family::v4 ? v4 : v6).socket.get();
    if (socket == nullptr) {
      for (const Outgoing& out : batch) lose(now, Drop::outside_unreachable, out);
      continue;
    }
    socket->send(std::span(trains).first(count), std::span(outcomes).first(count));
    for (std::size_t i = 0; i < count; ++i) packets.own_sent += outcomes[i].sent;
    for (std::size_t i = 0; i < count; ++i)
      if (outcomes[i].failed != 0) lose(now, io::send_drop(outcomes[i].error), batch[i]);
  }
}

void Engine::State::lose(Now now, Drop reason, const Outgoing& outgoing) {
  drops.count(Way::own, reason);
  const auto problem = problem_of(reason);
  if (outgoing.peer && problem) tell(diagnosis.note(now, *outgoing.peer, *problem));
}

void Engine::State::rearm() {
  auto next = device.next_deadline();
  for (const ControlSocket* control : {&v4, &v6}) {
    if (!control->senders) continue;
    const auto look = control->thin_again ? control->thin_again : control->senders->next_look();
    if (look && (!next || *look < *next)) next = look;
  }
  if (next == timer_set) return;
  timer_set = next;
  timer.set(next);
}

}  // namespace culvert::engine
