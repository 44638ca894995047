// SPDX-License-Identifier: MIT
// Lanes without Linux: a TUN queue and a UDP socket that live in memory, and two data paths that hold the two ends of
// one session.
#pragma once

#include <cstdlib>
#include <deque>
#include <iostream>
#include <memory>
#include <vector>

#include "aead.hpp"
#include "inbound.hpp"
#include "lane_state.hpp"
#include "outbound.hpp"

namespace culvert::engine::test {

using Octetss = std::vector<std::uint8_t>;

class FakeTun final : public io::TunQueue {
 public:
  std::deque<Octetss> waiting;
  io::VnetHeader header{};       // of all that waits
  std::vector<Octetss> written;  // each gathered into one
  std::optional<io::TunStop> at_end;
  std::optional<io::TunFault> refusal;        // of every write
  std::optional<io::TunFault> super_refusal;  // of every super-packet

  Result<io::SuperPacket, io::TunFault> read(MutBytes buffer) noexcept override {
    if (waiting.empty()) return Err{io::TunFault{at_end.value_or(io::TunStop::empty), 0}};
    const Octetss packet = std::move(waiting.front());
    waiting.pop_front();
    std::copy(packet.begin(), packet.end(), buffer.begin());
    return io::SuperPacket{header, buffer.first(packet.size())};
  }
  Result<void, io::TunFault> write(const io::VnetHeader& vnet, std::span<const iovec> parts) noexcept override {
    if (refusal) return Err{*refusal};
    if (super_refusal && vnet.gso_type != 0) return Err{*super_refusal};
    Octetss packet;
    for (const iovec& part : parts) {
      const auto* octets = static_cast<const std::uint8_t*>(part.iov_base);
      packet.insert(packet.end(), octets, octets + part.iov_len);
    }
    written.push_back(std::move(packet));
    return {};
  }
  int descriptor() const noexcept override { return -1; }
};

struct Sent {
  Endpoint to;
  std::optional<Source> from;
  std::uint8_t tos;
  Octetss octets;
  std::size_t stride;
};

class FakeUdp final : public io::UdpSocket {
 public:
  std::vector<Sent> sent;
  std::deque<Sent> arriving;  // `to` is the sender here
  bool truncate = false;
  io::SendOutcome next_outcome;  // without failures: every datagram leaves
  std::shared_ptr<std::uint64_t> received = std::make_shared<std::uint64_t>(0);  // datagrams

  io::ReceiveOutcome receive(io::ReceiveSlab& slab) noexcept override {
    std::size_t n = 0;
    while (n < slab.slots() && !arriving.empty()) {
      const Sent datagram = std::move(arriving.front());
      arriving.pop_front();
      std::copy(datagram.octets.begin(), datagram.octets.end(), slab.slot(n).begin());
      slab.trains()[n] = {.octets = slab.slot(n).first(datagram.octets.size()),
                          .stride = datagram.stride,
                          .from = datagram.to,
                          .local = datagram.from,
                          .ecn = static_cast<wire::Ecn>(datagram.tos & 3),
                          .truncated = truncate};
      *received += io::datagram_count(datagram.octets.size(), datagram.stride);
      ++n;
    }
    return {n == 0 ? io::ReceiveStatus::empty : io::ReceiveStatus::received, slab.trains().first(n), 0};
  }
  void send(std::span<const io::OutTrain> trains, std::span<io::SendOutcome> outcomes) noexcept override {
    for (std::size_t i = 0; i < trains.size(); ++i) {
      const io::OutTrain& t = trains[i];
      sent.push_back({t.to, t.from, t.tos, {t.octets.begin(), t.octets.end()}, t.stride});
      outcomes[i] = next_outcome;
      outcomes[i].sent = io::datagram_count(t.octets.size(), t.stride) - next_outcome.failed;
    }
  }
  void forget_destinations() noexcept override {}
  int descriptor() const noexcept override { return -1; }
  const io::UdpCounters& counters() const noexcept override { return counters_; }

 private:
  io::UdpCounters counters_;
};

/// An IPv4 UDP packet of `size` octets from 10.0.0.`from` to 10.0.0.`to`, numbered in its last four octets.
inline Octetss packet(std::uint8_t from, std::uint8_t to, std::size_t size, std::uint32_t number = 0,
                      std::uint8_t tos = 0) {
  Octetss p(size, 0x5a);
  const Octetss header = {0x45,
                          tos,
                          static_cast<std::uint8_t>(size >> 8),
                          static_cast<std::uint8_t>(size),
                          0,
                          0,
                          0,
                          0,  // identification, flags
                          64,
                          99,
                          0,
                          0,  // a protocol that nobody coalesces
                          10,
                          0,
                          0,
                          from,
                          10,
                          0,
                          0,
                          to};
  std::copy(header.begin(), header.end(), p.begin());
  if (size >= 24)
    for (std::size_t i = 0; i < 4; ++i) p[size - 4 + i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
  return p;
}

inline std::uint32_t number_of(const Octetss& p) {
  std::uint32_t n = 0;
  for (std::size_t i = p.size() - 4; i < p.size(); ++i) n = n << 8 | p[i];
  return n;
}

inline Endpoint endpoint(std::uint8_t last, std::uint16_t port = 51820) {
  Endpoint e;
  e.address.octets = {192, 0, 2, last};
  e.port = port;
  return e;
}

inline SessionKeys keys(std::uint8_t send, std::uint8_t receive) {
  Octets<32> a{}, b{};
  a.fill(send);
  b.fill(receive);
  return {Secret<32>(a), Secret<32>(b)};
}

/// One lane with its fakes. Peer `n` lives at 192.0.2.n and owns 10.0.0.n. Whatever a test does to it, in the end its
/// books must add up.
struct LaneEnd {
  LaneEnd() : state(0, 1, 1420, *crypto::available_backends().front()) {
    auto socket = std::make_unique<FakeUdp>();
    udp = socket.get();
    received = udp->received;
    state.v4 = std::move(socket);
    state.now = Instant(std::chrono::seconds(1000));
    state.handshake_room = 10;
  }
  LaneEnd(const LaneEnd&) = delete;
  LaneEnd& operator=(const LaneEnd&) = delete;
  ~LaneEnd() {
    const PacketCounters& n = state.path.packets();
    expect_equal("read inside", n.read, n.sent + dropped(Way::out) + n.waiting);
    expect_equal("received", *received, n.delivered + n.keepalives + n.handed_over + dropped(Way::in));
    expect_equal("own", n.own_made, n.own_sent + dropped(Way::own));
  }

  LaneState state;
  FakeTun tun;
  FakeUdp* udp;
  std::shared_ptr<std::uint64_t> received;  // outlives the socket
  io::Coalescer coalescer{tun, {io::Coalescing::off, io::Coalescing::off}};
  Outbound outbound{state, tun};
  Inbound inbound{state, coalescer};

  PeerId add_peer(std::uint8_t n) {
    const PeerId id{n, 0};
    (void)state.path.apply(change::PeerAdded{id, std::make_shared<PeerTraffic>(1)});
    (void)state.path.apply(change::EndpointMoved{id, endpoint(n), std::nullopt});
    Prefix prefix{{}, 32};
    prefix.address.octets = {10, 0, 0, n};
    (void)state.path.apply(change::AllowedIpAdded{prefix, id});
    return id;
  }
  DataPath::Todo give_session(PeerId id, Role role, std::uint32_t local, std::uint32_t remote, SessionKeys k,
                              change::SessionsReplaced::Then then = change::SessionsReplaced::Then::nothing) {
    Sessions sessions;
    sessions.current = std::make_shared<Session>(id, role, state.now, local, remote, std::move(k));
    return state.path.apply(change::SessionsReplaced{id, sessions, then});
  }
  std::uint64_t dropped(Drop drop) const { return state.path.drops().of(drop); }
  std::uint64_t dropped(Way way) const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < kDropCount; ++i) sum += state.path.drops().of(way, static_cast<Drop>(i));
    return sum;
  }

 private:
  static void expect_equal(const char* what, std::uint64_t came, std::uint64_t accounted) {
    if (came == accounted) return;
    std::cerr << what << ": " << came << " packets, of which " << accounted << " are accounted for\n";
    std::abort();
  }
};

}  // namespace culvert::engine::test
