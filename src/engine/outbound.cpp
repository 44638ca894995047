// SPDX-License-Identifier: MIT
#include "outbound.hpp"

#include <algorithm>

#include "icmp_unreachable.hpp"
#include "messages.hpp"

namespace culvert::engine {
namespace {

constexpr std::size_t kReadsARound = 64;
constexpr unsigned kLoneRounds = 4;  // after so many, a round reads once
constexpr unsigned kLookAgain = 8;   // and every so many, it looks for more

constexpr std::chrono::milliseconds kIcmpCost{10};  // a hundred messages a second
constexpr std::chrono::milliseconds kIcmpBurst{500};

/// Only keepalives are empty, and they share a train with nothing.
Carries carried_by(std::size_t stride) noexcept {
  return stride == wire::kDataOverhead ? Carries::nothing : Carries::data;
}

Way way_of(const io::OutTrain& train) noexcept {
  return carried_by(train.stride) == Carries::nothing ? Way::own : Way::out;
}

}  // namespace

Outbound::Outbound(LaneState& state, io::TunQueue& tun)
    : state_(state),
      tun_(tun),
      super_(std::make_unique<std::uint8_t[]>(io::kSuperPacketOctets)),
      slab_(std::make_unique<std::uint8_t[]>(kSlabOctets)) {}

Progress Outbound::run() {
  Progress progress = Progress::more;
  const bool once = lone_rounds_ >= kLoneRounds && lone_rounds_ % kLookAgain != 0;
  const std::size_t most = once ? 1 : kReadsARound;
  std::size_t found = 0;
  while (found < most && progress == Progress::more) {
    const auto read = tun_.read({super_.get(), io::kSuperPacketOctets});
    if (read) {
      take(read->header, read->packet);
      ++found;
    } else {
      progress = read.error().stop == io::TunStop::gone ? Progress::gone : Progress::idle;
    }
  }
  lone_rounds_ = found == 1 ? lone_rounds_ + 1 : 0;
  close_train();
  flush();
  return progress;
}

void Outbound::take(const io::VnetHeader& header, Bytes packet) {
  const auto plan = io::plan(header, packet);
  add_own(state_.path.packets().read, plan ? plan->count : 1);
  if (!plan) return state_.path.drops().count(Way::out, plan.error());
  const auto peer = state_.path.route(packet);
  if (!peer) return refuse(peer.error(), plan->count, packet);
  const wire::Ecn ecn = wire::ecn(packet);
  for (std::size_t i = 0; i < plan->count; ++i) add(**peer, *plan, i, ecn);
}

// The host hears at once that nobody is there, instead of waiting; as often as a bucket allows.
void Outbound::refuse(Drop why, std::size_t count, Bytes packet) {
  state_.path.drop_outward(state_.now, why, count, packet, state_.reports);
  if (why != Drop::no_peer_for_destination && why != Drop::no_endpoint) return;
  const Instant after = std::max(icmp_full_at_, state_.now) + kIcmpCost;
  if (after > state_.now + kIcmpBurst) return;
  std::array<std::uint8_t, io::kMostIcmpOctets> message;
  const std::size_t octets = io::icmp_unreachable(packet, message);
  if (octets == 0) return;
  icmp_full_at_ = after;
  const iovec part{.iov_base = message.data(), .iov_len = octets};
  if (tun_.write({}, {&part, 1})) add_own(state_.path.packets().injected, 1);
}

void Outbound::add(DataPath::Peer& peer, const io::SegmentPlan& plan, std::size_t index, wire::Ecn ecn) {
  const std::size_t padded = state_.path.padded(plan.size(index));
  const std::size_t slot = padded + wire::kDataOverhead;
  if (slot > io::kMaxDatagramOctets)
    return state_.path.drop(state_.now, Way::out, Drop::too_big, 1, &peer, {}, state_.reports);
  if (open_.peer != nullptr && !joins(peer, slot, ecn)) close_train();
  if (open_.peer == nullptr) open_train(peer, slot, ecn);

  const MutBytes plaintext(slab_.get() + open_.start + open_.octets + sizeof(wire::DataHeader), padded);
  const std::size_t size = io::write_segment(plan, index, plaintext);
  std::fill(plaintext.begin() + static_cast<std::ptrdiff_t>(size), plaintext.end(), std::uint8_t{0});
  open_.octets += slot;
  ++open_.count;
  if (slot < open_.stride) close_train();
}

bool Outbound::joins(const DataPath::Peer& peer, std::size_t slot, wire::Ecn ecn) const noexcept {
  return open_.peer == &peer &&                            // [0]
         open_.count < io::kMaxTrainPackets &&             // [1]
         open_.octets + slot <= io::kMaxDatagramOctets &&  // [2]
         slot <= open_.stride &&                           // [3]
         open_.ecn == ecn;                                 // [4]
}

void Outbound::open_train(DataPath::Peer& peer, std::size_t slot, wire::Ecn ecn) {
  const Departures& departures = peer.endpoint->address.family == Family::v4 ? v4_ : v6_;
  if (kSlabOctets - used_ < io::kMaxDatagramOctets || departures.count == kTrains) flush();
  open_ = {.peer = &peer, .start = used_, .octets = 0, .stride = slot, .count = 0, .ecn = ecn};
}

template <class Visit>
void Outbound::for_each_packet(Visit visit) const {
  if (carried_by(open_.stride) == Carries::nothing) return;
  for (std::size_t at = 0; at < open_.octets; at += open_.stride) {
    const Bytes slot(slab_.get() + open_.start + at, std::min(open_.stride, open_.octets - at));
    const Bytes plaintext = slot.subspan(sizeof(wire::DataHeader), slot.size() - wire::kDataOverhead);
    if (const auto view = wire::parse_ip(plaintext))
      visit(plaintext.first(view->total_octets));
    else
      state_.path.drops().count(Way::out, Drop::not_ip);
  }
}

void Outbound::close_train() {
  if (open_.peer == nullptr) return;
  const MutBytes train(slab_.get() + open_.start, open_.octets);
  // The lane may know of a session before the mail by which control has the staged packets sent: they go first, and
  // then nothing is reserved yet, since a counter that nobody uses looks like a loss to the peer.
  const bool behind_staged = open_.peer->staging != nullptr;
  const auto job = state_.path.begin_seal(state_.now, *open_.peer, behind_staged ? 0 : open_.count, state_.reports);
  if (!job) {
    for_each_packet([&](Bytes packet) { state_.path.stage(*open_.peer, packet); });
    open_.peer = nullptr;
    return;
  }
  if (behind_staged) return send_behind_staged();
  if (state_.tap) show();
  wire::DataHeader header;
  header.receiver = job->session->remote_index;
  for (std::size_t i = 0; i < open_.count; ++i) {
    header.counter = job->first + i;
    wire::store(header, train.subspan(i * open_.stride));
  }
  state_.aead.seal_train(job->session->keys.send, job->first, train, open_.stride);
  const Carries carries = carried_by(open_.stride);
  if (carries == Carries::nothing) add_own(state_.path.packets().own_made, 1);
  state_.path.sent(state_.now, *open_.peer, carries, train.size(), state_.reports);
  depart(train);
  open_.peer = nullptr;
}

void Outbound::send_behind_staged() {
  DataPath::Peer& peer = *open_.peer;
  auto packets = state_.path.take_staged(peer);
  for_each_packet([&](Bytes packet) { packets.emplace_back(packet.begin(), packet.end()); });
  open_.peer = nullptr;
  send_each(peer, packets);
}

void Outbound::send_each(DataPath::Peer& peer, const Packets& packets) {
  for (const auto& packet : packets) {
    const auto plan = io::plan({}, packet);
    if (plan)
      add(peer, *plan, 0, wire::ecn(packet));
    else
      state_.path.drops().count(Way::out, plan.error());
  }
  close_train();
}

// To whoever captures, as it is before it is sealed.
void Outbound::show() const {
  const PeerId peer = open_.peer->id;
  if (!state_.tap->wants(peer)) return;
  for_each_packet([&](Bytes packet) { state_.tap->take(peer, Way::out, state_.now, packet); });
}

void Outbound::depart(MutBytes train) {
  const DataPath::Peer& peer = *open_.peer;
  Departures& departures = peer.endpoint->address.family == Family::v4 ? v4_ : v6_;
  // DSCP 0, ECN of the inner packet [RFC 6040 4.1].
  departures.trains[departures.count] = {.to = *peer.endpoint,
                                         .from = peer.source,
                                         .tos = static_cast<std::uint8_t>(open_.ecn),
                                         .octets = train,
                                         .stride = open_.stride};
  departures.peers[departures.count++] = open_.peer;
  used_ = open_.start + open_.octets;
}

void Outbound::flush() {
  send(v4_, state_.v4.get());
  send(v6_, state_.v6.get());
  used_ = 0;
}

void Outbound::send(Departures& departures, io::UdpSocket* socket) {
  if (departures.count == 0) return;
  const std::span<const io::OutTrain> trains(departures.trains.data(), departures.count);
  if (socket == nullptr) {
    for (std::size_t i = 0; i < trains.size(); ++i)
      state_.path.drop(state_.now, way_of(trains[i]), Drop::outside_unreachable,
                       io::datagram_count(trains[i].octets.size(), trains[i].stride), departures.peers[i], {},
                       state_.reports);
    departures.count = 0;
    return;
  }
  std::array<io::SendOutcome, kTrains> outcomes;
  socket->send(trains, std::span(outcomes).first(trains.size()));
  for (std::size_t i = 0; i < trains.size(); ++i) {
    const io::SendOutcome& outcome = outcomes[i];
    const Way way = way_of(trains[i]);
    add_own(way == Way::out ? state_.path.packets().sent : state_.path.packets().own_sent, outcome.sent);
    if (outcome.failed != 0)
      state_.path.drop(state_.now, way, io::send_drop(outcome.error), outcome.failed, departures.peers[i], {},
                       state_.reports);
    if (outcome.gso_disabled_by != 0)
      state_.notices.push_back({Notice::Kind::segmentation_off, outcome.gso_disabled_by});
    DataPath::Peer& peer = *departures.peers[i];
    if (outcome.source_rejected && peer.source) {
      peer.source.reset();
      state_.reports.push_back(report::SourceRejected{peer.id});
    }
  }
  departures.count = 0;
}

void Outbound::send_keepalive(DataPath::Peer& peer) {
  if (!peer.endpoint) {
    add_own(state_.path.packets().own_made, 1);
    return state_.path.drop(state_.now, Way::own, Drop::no_endpoint, 1, &peer, {}, state_.reports);
  }
  close_train();
  open_train(peer, wire::kDataOverhead, wire::Ecn::not_ect);
  open_.octets = wire::kDataOverhead;
  open_.count = 1;
  close_train();
  flush();
}

std::size_t Outbound::send_staged(DataPath::Peer& peer) {
  if (!peer.endpoint) return 0;
  const Packets packets = state_.path.take_staged(peer);
  send_each(peer, packets);
  flush();
  return packets.size();
}

}  // namespace culvert::engine
