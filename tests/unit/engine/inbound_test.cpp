// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <ip_packets.hpp>

#include "checksum.hpp"
#include "lane_fixture.hpp"

using namespace culvert;
using namespace culvert::engine;
using namespace culvert::engine::test;

namespace {

// Lane a (10.0.0.1) and lane b (10.0.0.2), one session between them.
struct Pair {
  Pair() {
    b_at_a = a.add_peer(2);
    a_at_b = b.add_peer(1);
    (void)a.give_session(b_at_a, Role::initiator, 0x100, 0x200, keys(1, 2));
    (void)b.give_session(a_at_b, Role::responder, 0x200, 0x100, keys(2, 1));
  }
  // What a sends for these packets, as it arrives at b.
  std::vector<Sent> carried(const std::vector<Octetss>& packets) {
    for (const Octetss& p : packets) a.tun.waiting.push_back(p);
    while (a.outbound.run() == Progress::more) {
    }
    auto sent = std::exchange(a.udp->sent, {});
    for (Sent& s : sent) s.to = endpoint(1);
    return sent;
  }
  void arrive(const std::vector<Sent>& trains) {
    for (const Sent& t : trains) b.udp->arriving.push_back(t);
    while (!b.udp->arriving.empty()) (void)b.inbound.run(*b.udp);
  }

  LaneEnd a, b;
  PeerId b_at_a, a_at_b;
};

std::vector<Octetss> numbered(std::uint32_t count, std::size_t size = 100) {
  std::vector<Octetss> packets;
  for (std::uint32_t i = 0; i < count; ++i) packets.push_back(packet(1, 2, size, i));
  return packets;
}

// With DF and a checksum, so that neighbours may join.
Octetss udp_to_b() {
  Octetss p = culvert::test::udp_packet({.source = "10.0.0.1", .destination = "10.0.0.2", .octets = 128});
  p[6] = 0x40;
  p[10] = static_cast<std::uint8_t>(p[10] - 0x40);
  const Bytes datagram = Bytes(p).subspan(20);
  io::ChecksumSum sum = io::pseudo_header(Bytes(p).subspan(12, 8), 17, static_cast<std::uint32_t>(datagram.size()));
  sum.add(datagram);
  std::ranges::copy(sum.checksum(), p.begin() + 26);
  return p;
}

}  // namespace

TEST_CASE("a train arrives whole, trimmed and in order") {
  Pair pair;
  const auto packets = numbered(64, 101);
  pair.arrive(pair.carried(packets));
  CHECK(pair.b.tun.written == packets);
}

TEST_CASE("a train that comes twice is delivered once") {
  Pair pair;
  const auto trains = pair.carried(numbered(20));
  pair.arrive(trains);
  pair.arrive(trains);
  CHECK(pair.b.tun.written.size() == 20);
  CHECK(pair.b.dropped(Drop::replayed) == 20);
}

TEST_CASE("a packet that comes twice within one train is delivered once") {
  Pair pair;
  auto trains = pair.carried(numbered(3));
  Octetss& octets = trains[0].octets;
  const auto stride = static_cast<std::ptrdiff_t>(trains[0].stride);
  std::copy(octets.begin(), octets.begin() + stride, octets.begin() + stride);
  pair.arrive(trains);
  CHECK(pair.b.tun.written.size() == 2);
  CHECK(pair.b.dropped(Drop::replayed) == 1);
}

TEST_CASE("a forged packet in a train is lost alone and changes nothing") {
  Pair pair;
  auto trains = pair.carried(numbered(3));
  trains[0].octets[trains[0].stride + 20] ^= 1;
  pair.arrive(trains);
  REQUIRE(pair.b.tun.written.size() == 2);
  CHECK(number_of(pair.b.tun.written[1]) == 2);
  CHECK(pair.b.dropped(Drop::bad_tag) == 1);
}

TEST_CASE("a wholly forged train moves no endpoint, wakes no timer and reports nothing") {
  Pair pair;
  auto trains = pair.carried(numbered(2));
  trains[0].to = endpoint(66);
  for (std::size_t at = 20; at < trains[0].octets.size(); at += trains[0].stride) trains[0].octets[at] ^= 1;
  pair.arrive(trains);
  CHECK(pair.b.state.reports.empty());
  CHECK(pair.b.state.path.find(pair.a_at_b)->endpoint == endpoint(1));
  CHECK_FALSE(pair.b.state.path.find(pair.a_at_b)->traffic->last_passage.load());
}

TEST_CASE("an authentic packet from elsewhere moves the endpoint and says so once") {
  Pair pair;
  auto trains = pair.carried(numbered(2));
  trains[0].to = endpoint(66, 4000);
  pair.arrive(trains);
  CHECK(pair.b.state.path.find(pair.a_at_b)->endpoint == endpoint(66, 4000));
  std::size_t roamed = 0;
  for (const Report& r : pair.b.state.reports) roamed += std::holds_alternative<report::Roamed>(r) ? 1u : 0u;
  CHECK(roamed == 1);
}

TEST_CASE("two sessions and a handshake message in one train each find their way") {
  Pair pair;
  const PeerId third = pair.b.add_peer(3);
  (void)pair.b.give_session(third, Role::responder, 0x201, 0x101, keys(4, 3));
  LaneEnd c;
  const PeerId b_at_c = c.add_peer(2);
  (void)c.give_session(b_at_c, Role::initiator, 0x101, 0x201, keys(3, 4));
  c.tun.waiting.push_back(packet(3, 2, 132, 7));
  (void)c.outbound.run();
  auto trains = pair.carried({packet(1, 2, 132, 5)});
  REQUIRE(trains[0].stride == 16 + 144 + 16);
  Octetss& octets = trains[0].octets;
  octets.insert(octets.end(), c.udp->sent[0].octets.begin(), c.udp->sent[0].octets.end());
  Octetss initiation(148, 0);
  initiation[0] = 1;
  octets.insert(octets.end(), initiation.begin(), initiation.end());
  pair.arrive(trains);
  REQUIRE(pair.b.tun.written.size() == 2);
  CHECK(number_of(pair.b.tun.written[0]) == 5);
  CHECK(number_of(pair.b.tun.written[1]) == 7);
  bool forwarded = false;
  for (const Report& r : pair.b.state.reports)
    if (const auto* message = std::get_if<report::Handshake>(&r)) forwarded = message->size == 148;
  CHECK(forwarded);
}

TEST_CASE("handshake messages beyond the room for reports are counted") {
  Pair pair;
  pair.b.state.handshake_room = 1;
  Octetss response(92, 0);
  response[0] = 2;
  pair.arrive({{endpoint(1), {}, 0, response, 92}, {endpoint(1), {}, 0, response, 92}});
  CHECK(pair.b.state.reports.size() == 1);
  CHECK(pair.b.dropped(Drop::report_queue_full) == 1);
}

TEST_CASE("keepalives that arrive are counted, each once") {
  Pair pair;
  pair.a.outbound.send_keepalive(*pair.a.state.path.find(pair.b_at_a));
  auto sent = std::exchange(pair.a.udp->sent, {});
  for (Sent& s : sent) s.to = endpoint(1);
  pair.arrive(sent);
  pair.arrive(sent);
  CHECK(pair.b.state.path.packets().keepalives == 1);
  CHECK(pair.b.dropped(Drop::replayed) == 1);
  CHECK(pair.b.state.path.packets().delivered == 0);
}

TEST_CASE("junk is counted by what it is") {
  Pair pair;
  Octetss unknown(48, 0);
  unknown[0] = 4;
  unknown[4] = 0x77;
  pair.arrive({{endpoint(1), {}, 0, unknown, 48},
               {endpoint(1), {}, 0, Octetss(31, 4), 31},
               {endpoint(1), {}, 0, Octetss{}, 1},
               {endpoint(1), {}, 0, Octetss(148, 1), 148}});
  CHECK(pair.b.dropped(Drop::unknown_index) == 1);
  CHECK(pair.b.dropped(Drop::not_wireguard) == 3);
  pair.b.udp->truncate = true;
  pair.arrive(pair.carried(numbered(2)));
  CHECK(pair.b.dropped(Drop::truncated) == 1);
  CHECK(pair.b.tun.written.size() == 1);
}

TEST_CASE("packets that the inside does not take are counted, and heard all the same") {
  Pair pair;
  pair.b.tun.refusal = io::TunFault{io::TunStop::full, 105};
  pair.arrive(pair.carried(numbered(3)));
  CHECK(pair.b.dropped(Drop::inside_write_failed) == 3);
  CHECK(pair.b.tun.written.empty());
  pair.b.tun.refusal.reset();
  pair.arrive(pair.carried(numbered(2)));
  CHECK(pair.b.dropped(Drop::inside_write_failed) == 3);
  CHECK(pair.b.tun.written.size() == 2);
}

TEST_CASE("a kernel that refuses super-packets gets their packets, and the notice says by which error it refused") {
  Pair pair;
  pair.b.coalescer.set_options({.tcp = io::Coalescing::off, .udp = io::Coalescing::on});
  const std::vector<Octetss> packets(3, udp_to_b());
  pair.arrive(pair.carried(packets));
  CHECK(pair.b.tun.written.size() == 1);  // they do join

  pair.b.tun.written.clear();
  pair.b.tun.super_refusal = io::TunFault{io::TunStop::refused, EINVAL};
  pair.arrive(pair.carried(packets));
  CHECK(pair.b.tun.written == packets);
  REQUIRE(pair.b.state.notices.size() == 1);
  CHECK(pair.b.state.notices[0].kind == Notice::Kind::udp_coalescing_off);
  CHECK(pair.b.state.notices[0].error == EINVAL);
}

TEST_CASE("an inner source that belongs to another peer is refused, though the packet counts as heard") {
  Pair pair;
  pair.b.add_peer(3);
  pair.arrive(pair.carried({packet(3, 2, 100)}));
  CHECK(pair.b.tun.written.empty());
  CHECK(pair.b.dropped(Drop::source_not_allowed) == 1);
  CHECK(pair.b.state.path.find(pair.a_at_b)->traffic->octets_received() == 144);
}

TEST_CASE("a congestion mark on the outside reaches the inner packet") {
  Pair pair;
  auto trains = pair.carried({packet(1, 2, 100, 0, 2)});
  trains[0].tos = 3;
  pair.arrive(trains);
  REQUIRE(pair.b.tun.written.size() == 1);
  CHECK((pair.b.tun.written[0][1] & 3) == 3);
}
