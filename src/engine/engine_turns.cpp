// SPDX-License-Identifier: MIT
// A turn of the control thread: drain a socket or the lanes' rings into the queue of handshakes, compute a few of them,
// do what is due, hand out what follows. Turns are short, so that a flood of handshakes delays timers and reports by
// the time of a few multiplications only.
#include <asio/post.hpp>

#include "engine_state.hpp"

namespace culvert::engine {
namespace {

constexpr std::size_t kMessagesATurn = 16;
constexpr int kErrorsATurn = 16;
constexpr std::chrono::milliseconds kErrorInterval{5};
constexpr std::size_t kReportsATurn = 256;  // of each lane

}  // namespace

void Engine::State::drain(io::UdpSocket& socket) {
  const io::ReceiveOutcome outcome = socket.receive(slab);
  for (const io::InTrain& train : outcome.trains)
    io::for_each_datagram(train, [&](Bytes datagram) { screen(datagram, train); });
  if (outcome.status == io::ReceiveStatus::received) return;
  for (int i = 0; i < kErrorsATurn; ++i) {
    const auto error = io::take_icmp_error(socket.descriptor());
    if (!error) return;
    note_report(read_now(), unreachable(*error));
  }
}

void Engine::State::screen(Bytes datagram, const io::InTrain& train) {
  if (train.truncated) return drops.count(Drop::truncated);
  // A data message can only have come here behind a program that steers wrongly.
  if (wire::classify(datagram) == wire::Type::data) return drops.count(Drop::unknown_index);
  if (datagram.size() > wire::kLargestHandshake) return drops.count(Drop::not_wireguard);
  report::Handshake message;
  std::copy(datagram.begin(), datagram.end(), message.octets.begin());
  message.size = datagram.size();
  message.from = train.from;
  message.local = train.local;
  enqueue(read_now(), message);
}

void Engine::State::enqueue(Now now, const report::Handshake& message) {
  if (const auto type = device.screen(Bytes(message.octets).first(message.size)); !type) {
    drops.count(type.error());
    diagnosis.refused(now, type.error(), message.from);
    handlers.event({.kind = Event::Kind::refused, .drop = type.error(), .endpoint = message.from}, nullptr);
  } else if (!queue.push(now.mono, message)) {
    drops.count(Drop::handshake_queue_full);
  }
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
        enqueue(now, *message);
      } else {
        note_report(now, std::get<Report>(item));
        device.handle(now, std::get<Report>(item), i, actions);
      }
    }
    if (taken == kReportsATurn) wakeup.wake();  // more may wait: after the others' turn
    deliver(now, std::move(actions));
  }
}

void Engine::State::turn() {
  const Now now = read_now();
  Actions actions;
  for (std::size_t i = 0; i < kMessagesATurn; ++i) {
    const Load load = queue.load(now.mono);
    const report::Handshake* message = queue.pop();
    if (message == nullptr) break;
    const Bytes datagram = Bytes(message->octets).first(message->size);
    if (const auto handled = device.handle(now, datagram, message->from, message->local, load, actions); !handled)
      drops.count(handled.error());
  }
  device.run_timers(now, actions);
  deliver(now, std::move(actions));
  rearm();
  if (queue.size() != 0) post_turn();
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
  for (const Outgoing& outgoing : actions.outgoing) send(now, outgoing);
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

void Engine::State::send(Now now, const Outgoing& outgoing) {
  io::UdpSocket* socket = (outgoing.to.address.family == Family::v4 ? v4 : v6).socket.get();
  if (socket == nullptr) return lose(now, Drop::outside_unreachable, outgoing);
  const io::OutTrain train{.to = outgoing.to,
                           .from = outgoing.from,
                           .tos = outgoing.tos,
                           .octets = Bytes(outgoing.octets).first(outgoing.size),
                           .stride = outgoing.size};
  io::SendOutcome outcome;
  socket->send({&train, 1}, {&outcome, 1});
  if (outcome.failed != 0) lose(now, io::send_drop(outcome.error), outgoing);
}

void Engine::State::lose(Now now, Drop reason, const Outgoing& outgoing) {
  drops.count(reason);
  const auto problem = problem_of(reason);
  if (outgoing.peer && problem) tell(diagnosis.note(now, *outgoing.peer, *problem));
}

void Engine::State::rearm() {
  const auto next = device.next_deadline();
  if (next == timer_set) return;
  timer_set = next;
  timer.set(next);
}

}  // namespace culvert::engine
