// SPDX-License-Identifier: MIT
#include "inbound.hpp"

#include <algorithm>

#include "messages.hpp"

namespace culvert::engine {
namespace {

MutBytes slot_of(MutBytes run, std::size_t stride, std::size_t i) noexcept {
  return run.subspan(i * stride, std::min(stride, run.size() - i * stride));
}

MutBytes plaintext_of(MutBytes slot) noexcept {
  return slot.subspan(sizeof(wire::DataHeader), slot.size() - wire::kDataOverhead);
}

// Octets from the start of `octets` that are data messages under one receiver index: a train cannot be longer than
// one call of the AEAD takes.
std::size_t run_octets(Bytes octets, std::size_t stride) noexcept {
  const std::uint32_t receiver = wire::load<wire::DataHeader>(octets).receiver;
  std::size_t end = 0;
  for (std::size_t n = 0; n < io::kMaxTrainPackets && end < octets.size(); ++n) {
    const Bytes next = octets.subspan(end, std::min(stride, octets.size() - end));
    if (wire::classify(next) != wire::Type::data || wire::load<wire::DataHeader>(next).receiver != receiver) break;
    end += next.size();
  }
  return end;
}

}  // namespace

Progress Inbound::run(io::UdpSocket& socket) {
  const io::ReceiveOutcome outcome = socket.receive(slab_);
  for (const io::InTrain& train : outcome.trains) take(train);
  deliver();
  switch (outcome.status) {
    case io::ReceiveStatus::received:
      return outcome.trains.size() == slab_.slots() ? Progress::more : Progress::idle;
    case io::ReceiveStatus::empty:
    case io::ReceiveStatus::failed:
      return Progress::idle;
    case io::ReceiveStatus::dead:
      state_.notices.push_back({Notice::Kind::socket_dead, outcome.error});
      return Progress::gone;
  }
  return Progress::idle;
}

void Inbound::take(const io::InTrain& train) {
  MutBytes rest = train.octets;
  if (train.truncated) {
    state_.path.drops().count(Way::in, Drop::truncated);
    rest = rest.first(rest.size() <= train.stride ? 0 : (rest.size() - 1) / train.stride * train.stride);
  } else if (rest.empty()) {
    state_.path.drops().count(Way::in, Drop::not_wireguard);
  }
  while (!rest.empty()) {
    const MutBytes first = rest.first(std::min(train.stride, rest.size()));
    std::size_t done = first.size();
    if (wire::classify(first) == wire::Type::data) {
      done = run_octets(rest, train.stride);
      open_run(rest.first(done), train.stride, train);
    } else {
      take_message(first, train);
    }
    rest = rest.subspan(done);
  }
}

void Inbound::take_message(Bytes datagram, const io::InTrain& train) {
  if (!wire::classify(datagram)) return state_.path.drops().count(Way::in, Drop::not_wireguard);
  if (state_.handshake_room == 0) return state_.path.drops().count(Way::in, Drop::report_queue_full);
  add_own(state_.path.packets().handed_over, 1);
  --state_.handshake_room;
  report::Handshake message;
  std::copy(datagram.begin(), datagram.end(), message.octets.begin());
  message.size = datagram.size();
  message.from = train.from;
  message.local = train.local;
  state_.reports.push_back(message);
}

void Inbound::open_run(MutBytes run, std::size_t stride, const io::InTrain& train) {
  DataPath& path = state_.path;
  const std::size_t count = io::datagram_count(run.size(), stride);
  const auto found = path.begin_open(state_.now, wire::load<wire::DataHeader>(run).receiver);
  if (!found) return path.drops().count(Way::in, found.error(), count);
  Session& session = **found;

  std::array<std::uint8_t, io::kMaxTrainPackets> storage;
  const auto accepted = std::span(storage).first(count);
  state_.aead.open_train(session.keys.receive, run, stride, accepted);

  std::uint64_t octets = 0;
  std::uint64_t keepalives = 0;
  Carries carries = Carries::nothing;
  for (std::size_t i = 0; i < count; ++i) {
    const MutBytes slot = slot_of(run, stride, i);
    if (accepted[i] == 0) {
      path.drop_sealed(Drop::bad_tag, session);
      continue;
    }
    if (const auto committed = path.commit(session, wire::load<wire::DataHeader>(slot).counter); !committed) {
      path.drop_sealed(committed.error(), session);
      accepted[i] = 0;
      continue;
    }
    octets += slot.size();
    if (plaintext_of(slot).empty())
      ++keepalives;
    else
      carries = Carries::data;
  }
  if (octets == 0) return;
  if (keepalives != 0) add_own(path.packets().keepalives, keepalives);
  path.heard(state_.now, session, train.from, train.local, carries, octets, state_.reports);

  const auto admit_each = [&](auto show) {
    for (std::size_t i = 0; i < count; ++i) {
      const MutBytes plaintext = plaintext_of(slot_of(run, stride, i));
      if (accepted[i] == 0 || plaintext.empty()) continue;
      if (const auto packet = path.admit(session, train.ecn, plaintext)) {
        show(Bytes(*packet));  // before its neighbours change it
        coalescer_.add(*packet);
      } else {
        path.drop_inward(state_.now, packet.error(), session, plaintext, state_.reports);
      }
    }
  };
  if (!state_.tap || !state_.tap->wants(session.peer)) return admit_each([](Bytes) {});
  admit_each([&](Bytes packet) { state_.tap->take(session.peer, Way::in, state_.now, packet); });
}

void Inbound::deliver() {
  const io::CoalesceOutcome outcome = coalescer_.flush();
  if (outcome.written != 0) add_own(state_.path.packets().delivered, outcome.written);
  if (outcome.lost != 0) state_.path.drops().count(Way::in, Drop::inside_write_failed, outcome.lost);
  if (outcome.switched_off)
    state_.notices.push_back({outcome.switched_off->transport == io::Transport::tcp ? Notice::Kind::tcp_coalescing_off
                                                                                    : Notice::Kind::udp_coalescing_off,
                              outcome.switched_off->error});
}

}  // namespace culvert::engine
