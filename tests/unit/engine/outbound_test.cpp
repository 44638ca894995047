// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include "lane_fixture.hpp"

using namespace culvert;
using namespace culvert::engine;
using namespace culvert::engine::test;

namespace {

std::uint64_t counter_at(const Octetss& train, std::size_t at) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value |= std::uint64_t{train[at + 8 + i]} << (8 * i);
  return value;
}

struct Sender : LaneEnd {
  Sender() {
    id = add_peer(2);
    (void)give_session(id, Role::initiator, 0x100, 0x200, keys(1, 2));
  }
  PeerId id;
};

}  // namespace

TEST_CASE("packets of one size to one peer leave as one train under consecutive counters") {
  Sender lane;
  for (std::uint32_t i = 0; i < 10; ++i) lane.tun.waiting.push_back(packet(1, 2, 100, i));
  CHECK(lane.outbound.run() == Progress::idle);
  REQUIRE(lane.udp->sent.size() == 1);
  const Sent& train = lane.udp->sent[0];
  CHECK(train.stride == 16 + 112 + 16);  // 100 octets are padded to 112
  CHECK(train.octets.size() == 10 * train.stride);
  for (std::size_t i = 0; i < 10; ++i) {
    CHECK(train.octets[i * train.stride] == 4);
    CHECK(train.octets[i * train.stride + 4] == 0x00);
    CHECK(train.octets[i * train.stride + 5] == 0x02);
    CHECK(counter_at(train.octets, i * train.stride) == i);
  }
}

TEST_CASE("a shorter packet closes the train and a longer one begins the next, in order") {
  Sender lane;
  for (const std::size_t size : {200u, 200u, 60u, 200u, 400u}) lane.tun.waiting.push_back(packet(1, 2, size));
  (void)lane.outbound.run();
  REQUIRE(lane.udp->sent.size() == 3);
  CHECK(lane.udp->sent[0].octets.size() == 2 * (32 + 208) + 32 + 64);
  CHECK(lane.udp->sent[1].octets.size() == 32 + 208);
  CHECK(lane.udp->sent[2].octets.size() == 32 + 400);
  CHECK(counter_at(lane.udp->sent[1].octets, 0) == 3);
  CHECK(counter_at(lane.udp->sent[2].octets, 0) == 4);
}

TEST_CASE("padding never goes beyond the MTU") {
  Sender lane;
  lane.tun.waiting.push_back(packet(1, 2, 1420));
  lane.tun.waiting.push_back(packet(1, 2, 1409));
  (void)lane.outbound.run();
  REQUIRE(lane.udp->sent.size() == 1);
  CHECK(lane.udp->sent[0].octets.size() == 2 * (32 + 1420));
}

TEST_CASE("a train holds 64 packets at most, and 65,507 octets") {
  Sender lane;
  for (std::uint32_t i = 0; i < 65; ++i) lane.tun.waiting.push_back(packet(1, 2, 64, i));
  while (lane.outbound.run() == Progress::more) {
  }
  REQUIRE(lane.udp->sent.size() == 2);
  CHECK(lane.udp->sent[0].octets.size() == 64 * (32 + 64));
  lane.udp->sent.clear();
  for (std::uint32_t i = 0; i < 60; ++i) lane.tun.waiting.push_back(packet(1, 2, 1420, i));
  (void)lane.outbound.run();
  REQUIRE(lane.udp->sent.size() == 2);
  CHECK(lane.udp->sent[0].octets.size() == 45 * 1452);  // 46 would be 66,792
  CHECK(lane.udp->sent[1].octets.size() == 15 * 1452);
}

TEST_CASE("a packet that no datagram can hold is counted and goes no further; one that just fits leaves") {
  Sender lane;
  (void)lane.state.path.apply(change::MtuSet{65'535});
  lane.tun.waiting.push_back(packet(1, 2, 65'473));  // 65,488 padded, and 32 of header and tag
  lane.tun.waiting.push_back(packet(1, 2, 65'472));
  (void)lane.outbound.run();
  CHECK(lane.dropped(Drop::too_big) == 1);
  REQUIRE(lane.udp->sent.size() == 1);
  CHECK(lane.udp->sent[0].octets.size() == 65'504);
}

TEST_CASE("packets of two peers never share a train") {
  Sender lane;
  const PeerId other = lane.add_peer(3);
  (void)lane.give_session(other, Role::initiator, 0x300, 0x400, keys(3, 4));
  for (const int to : {2, 3, 2, 3}) lane.tun.waiting.push_back(packet(1, static_cast<std::uint8_t>(to), 100));
  (void)lane.outbound.run();
  REQUIRE(lane.udp->sent.size() == 4);
  CHECK(lane.udp->sent[0].to == endpoint(2));
  CHECK(lane.udp->sent[1].to == endpoint(3));
  CHECK(lane.udp->sent[1].octets[5] == 0x04);
}

TEST_CASE("the inner ECN goes outside with DSCP 0, and another ECN begins another train") {
  Sender lane;
  lane.tun.waiting.push_back(packet(1, 2, 100, 0, 0xb8 | 2));
  lane.tun.waiting.push_back(packet(1, 2, 100, 0, 0xb8 | 2));
  lane.tun.waiting.push_back(packet(1, 2, 100, 0, 3));
  (void)lane.outbound.run();
  REQUIRE(lane.udp->sent.size() == 2);
  CHECK(lane.udp->sent[0].tos == 2);
  CHECK(lane.udp->sent[1].tos == 3);
}

TEST_CASE("without a session packets wait, a session is asked for once, and they leave in order when it comes") {
  LaneEnd lane;
  const PeerId id = lane.add_peer(2);
  for (std::uint32_t i = 0; i < 3; ++i) lane.tun.waiting.push_back(packet(1, 2, 100 + 16 * i, i));
  (void)lane.outbound.run();
  CHECK(lane.udp->sent.empty());
  REQUIRE(lane.state.reports.size() == 1);
  CHECK(std::get<report::SessionWanted>(lane.state.reports[0]).peer == id);

  const auto todo =
      lane.give_session(id, Role::responder, 0x100, 0x200, keys(1, 2), change::SessionsReplaced::Then::flush);
  CHECK(todo.what == DataPath::Todo::What::flush_staged);
  CHECK(lane.outbound.send_staged(*todo.peer) == 3);
  REQUIRE(lane.udp->sent.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(counter_at(lane.udp->sent[i].octets, 0) == i);
  CHECK(lane.outbound.send_staged(*todo.peer) == 0);
}

TEST_CASE(
    "a session that the lane finds confirmed before control's mail sends what waits first, and loses none of it") {
  for (const std::size_t waiting : {3u, 128u}) {
    LaneEnd lane;
    const PeerId id = lane.add_peer(2);
    // Told by their sizes.
    const auto size_of = [](std::size_t number) { return 64 + 16 * (number % 80); };
    std::size_t number = 0;
    for (; number < waiting; ++number) lane.tun.waiting.push_back(packet(1, 2, size_of(number)));
    while (lane.outbound.run() == Progress::more) {
    }
    CHECK(lane.udp->sent.empty());

    Sessions sessions;
    sessions.next = std::make_shared<Session>(id, Role::responder, lane.state.now, 0x100, 0x200, keys(1, 2));
    (void)lane.state.path.apply(change::SessionsReplaced{id, sessions, change::SessionsReplaced::Then::nothing});
    sessions.next->confirmed = true;  // as the lane does that opened the first packet

    for (; number < waiting + 5; ++number) lane.tun.waiting.push_back(packet(1, 2, size_of(number)));
    while (lane.outbound.run() == Progress::more) {
    }
    std::size_t seen = 0;
    std::optional<std::uint64_t> last;
    for (const Sent& train : lane.udp->sent) {
      for (std::size_t at = 0; at < train.octets.size(); at += train.stride) {
        CHECK(std::min(train.stride, train.octets.size() - at) == 32 + size_of(seen++));
        const std::uint64_t counter = counter_at(train.octets, at);
        if (last) CHECK(counter > *last);
        last = counter;
      }
    }
    CHECK(seen == number);
    CHECK(lane.dropped(Drop::staging_full) == 0);
    CHECK(lane.outbound.send_staged(*lane.state.path.find(id)) == 0);
  }
}

TEST_CASE("a keepalive for a peer with staged packets gives way to them") {
  LaneEnd lane;
  const PeerId id = lane.add_peer(2);
  lane.tun.waiting.push_back(packet(1, 2, 100));
  (void)lane.outbound.run();
  (void)lane.give_session(id, Role::initiator, 0x100, 0x200, keys(1, 2));
  lane.outbound.send_keepalive(*lane.state.path.find(id));
  REQUIRE(lane.udp->sent.size() == 1);
  CHECK(lane.udp->sent[0].octets.size() == 32 + 112);
}

TEST_CASE("what is for nobody, or no IP, is counted and leaves nothing behind") {
  Sender lane;
  lane.tun.waiting.push_back(packet(1, 77, 100));
  lane.tun.waiting.push_back(Octetss(40, 0x00));
  (void)lane.outbound.run();
  CHECK(lane.dropped(Drop::no_peer_for_destination) == 1);
  CHECK(lane.dropped(Drop::not_ip) == 1);
  CHECK(lane.udp->sent.empty());
  // Control hears of the drops, and of nothing else.
  for (const Report& report : lane.state.reports) CHECK(std::holds_alternative<report::Dropped>(report));
}

TEST_CASE("a keepalive is 32 octets, and without a session it only asks for one") {
  Sender lane;
  lane.outbound.send_keepalive(*lane.state.path.find(lane.id));
  REQUIRE(lane.udp->sent.size() == 1);
  CHECK(lane.udp->sent[0].octets.size() == 32);
  LaneEnd bare;
  const PeerId id = bare.add_peer(2);
  bare.outbound.send_keepalive(*bare.state.path.find(id));
  CHECK(bare.udp->sent.empty());
  CHECK(bare.state.reports.size() == 1);
}

TEST_CASE("keepalives are counted apart from what the host sends, when they leave and when they do not") {
  Sender lane;
  const PacketCounters& packets = lane.state.path.packets();
  lane.tun.waiting.push_back(packet(1, 2, 100));
  (void)lane.outbound.run();
  lane.outbound.send_keepalive(*lane.state.path.find(lane.id));
  CHECK(packets.read == 1);
  CHECK(packets.sent == 1);
  CHECK(packets.own_made == 1);
  CHECK(packets.own_sent == 1);

  lane.udp->next_outcome = {.sent = 0, .failed = 1, .error = EPERM};
  lane.outbound.send_keepalive(*lane.state.path.find(lane.id));
  (void)lane.state.path.apply(change::EndpointMoved{lane.id, std::nullopt, std::nullopt});
  lane.outbound.send_keepalive(*lane.state.path.find(lane.id));
  CHECK(packets.own_made == 3);
  CHECK(packets.own_sent == 1);
  CHECK(lane.state.path.drops().of(Way::own, Drop::blocked_by_firewall) == 1);
  CHECK(lane.state.path.drops().of(Way::own, Drop::no_endpoint) == 1);
  CHECK(lane.dropped(Way::out) == 0);
}

TEST_CASE("a super-packet counts as the packets that it holds, whatever becomes of it") {
  Sender lane;
  lane.tun.header = {.gso_type = io::kGsoUdp, .gso_size = 50};
  for (const std::uint8_t to : {std::uint8_t{2}, std::uint8_t{77}}) {
    Octetss super = packet(1, to, 20 + 8 + 120);
    super[9] = 17;
    lane.tun.waiting.push_back(super);
  }
  (void)lane.outbound.run();
  CHECK(lane.state.path.packets().read == 6);
  CHECK(lane.state.path.packets().sent == 3);
  CHECK(lane.dropped(Drop::no_peer_for_destination) == 3);
  CHECK(lane.state.path.packets().injected == 1);
}

TEST_CASE("a source address that the kernel rejects is forgotten and reported") {
  Sender lane;
  const Source source{endpoint(9).address, 3};
  (void)lane.state.path.apply(change::EndpointMoved{lane.id, endpoint(2), source});
  lane.tun.waiting.push_back(packet(1, 2, 100));
  lane.udp->next_outcome.source_rejected = true;
  (void)lane.outbound.run();
  CHECK(lane.udp->sent[0].from == source);
  CHECK_FALSE(lane.state.path.find(lane.id)->source);
  CHECK(std::holds_alternative<report::SourceRejected>(lane.state.reports.back()));
}

TEST_CASE("failed sends and a missing address family are counted by reason") {
  Sender lane;
  lane.udp->next_outcome = {.sent = 0, .failed = 2, .error = EPERM};
  lane.tun.waiting.push_back(packet(1, 2, 100));
  lane.tun.waiting.push_back(packet(1, 2, 100));
  (void)lane.outbound.run();
  CHECK(lane.dropped(Drop::blocked_by_firewall) == 2);
  lane.state.v4.reset();
  lane.tun.waiting.push_back(packet(1, 2, 100));
  (void)lane.outbound.run();
  CHECK(lane.dropped(Drop::outside_unreachable) == 1);
}

TEST_CASE("a deleted interface ends the reading") {
  Sender lane;
  lane.tun.at_end = io::TunStop::gone;
  CHECK(lane.outbound.run() == Progress::gone);
}

TEST_CASE("a host hears at once that nobody is behind a destination, a bounded number of times") {
  Sender lane;
  for (int i = 0; i < 1000; ++i) lane.tun.waiting.push_back(packet(1, 77, 100));
  while (!lane.tun.waiting.empty()) (void)lane.outbound.run();
  CHECK(lane.dropped(Drop::no_peer_for_destination) == 1000);
  CHECK(lane.udp->sent.empty());
  REQUIRE(lane.tun.written.size() == 50);
  const Octetss& message = lane.tun.written[0];
  REQUIRE(message.size() == 20 + 8 + 100);
  CHECK(message[9] == 1);   // ICMP
  CHECK(message[20] == 3);  // unreachable
  CHECK(message[21] == 1);  // the host
  CHECK(message[15] == 77);
  CHECK(message[19] == 1);

  lane.state.now += std::chrono::milliseconds(10);
  for (int i = 0; i < 5; ++i) lane.tun.waiting.push_back(packet(1, 77, 100));
  (void)lane.outbound.run();
  CHECK(lane.tun.written.size() == 51);
}

TEST_CASE("a host hears the same of a peer that has no endpoint") {
  Sender lane;
  const PeerId far = lane.add_peer(3);
  (void)lane.state.path.apply(change::EndpointMoved{far, std::nullopt, std::nullopt});
  lane.tun.waiting.push_back(packet(1, 3, 100));
  (void)lane.outbound.run();
  CHECK(lane.dropped(Drop::no_endpoint) == 1);
  CHECK(lane.tun.written.size() == 1);
}

TEST_CASE("after packets that came one by one, what comes in a burst is still read whole, in order") {
  Sender lane;
  std::uint32_t number = 0;
  for (; number < 20; ++number) {
    lane.tun.waiting.push_back(packet(1, 2, 100, number));
    (void)lane.outbound.run();
  }
  for (; number < 60; ++number) lane.tun.waiting.push_back(packet(1, 2, 100, number));
  int rounds = 0;  // a watched descriptor stays ready while packets wait
  for (; !lane.tun.waiting.empty(); ++rounds) (void)lane.outbound.run();
  CHECK(rounds <= 8);
  std::uint64_t expected = 0;
  for (const Sent& train : lane.udp->sent)
    for (std::size_t at = 0; at < train.octets.size(); at += train.stride)
      CHECK(counter_at(train.octets, at) == expected++);
  CHECK(expected == 60);
}
