// SPDX-License-Identifier: MIT
#include "tap.hpp"

#include <doctest/doctest.h>

#include <random>
#include <thread>

#include "capture.hpp"
#include "lane_fixture.hpp"

using namespace culvert;
using namespace culvert::engine;
using namespace culvert::engine::test;

namespace {

constexpr std::size_t kRing = 128 << 10;
const Instant kNow{std::chrono::seconds(77)};

Octetss numbered(std::size_t size, std::uint32_t number) {
  Octetss octets(size);
  for (std::size_t i = 0; i < size; ++i) octets[i] = static_cast<std::uint8_t>(number + i);
  return octets;
}

std::vector<Octetss> all_of(Tap& tap) {
  std::vector<Octetss> all;
  while (const auto packet = tap.front()) {
    all.emplace_back(packet->octets.begin(), packet->octets.end());
    tap.pop();
  }
  return all;
}

}  // namespace

TEST_CASE("what a lane leaves comes out in order, with whose, which way, when and how long it was") {
  Tap tap(kRing, 100);
  tap.take({3, 1}, Way::in, kNow, numbered(60, 1));
  tap.take({4, 2}, Way::out, kNow + std::chrono::seconds(1), numbered(1400, 2));
  auto packet = tap.front();
  REQUIRE(packet);
  CHECK(packet->peer == PeerId{3, 1});
  CHECK(packet->way == Way::in);
  CHECK(packet->at == kNow);
  CHECK(packet->whole == 60);
  CHECK(std::ranges::equal(packet->octets, numbered(60, 1)));
  tap.pop();
  packet = tap.front();
  REQUIRE(packet);
  CHECK(packet->peer == PeerId{4, 2});
  CHECK(packet->way == Way::out);
  CHECK(packet->whole == 1400);
  CHECK(std::ranges::equal(packet->octets, Bytes(numbered(1400, 2)).first(100)));
  tap.pop();
  CHECK_FALSE(tap.front());
  CHECK(tap.taken() == 2);
  CHECK(tap.dropped() == 0);
}

TEST_CASE("a full ring leaves packets out and counts them, and takes again when it was read") {
  Tap tap(kRing, 65535);
  for (std::uint32_t i = 0; i < 1000; ++i) tap.take({}, Way::in, kNow, numbered(1400, i));
  const std::uint64_t taken = tap.taken();
  CHECK(taken > 80);
  CHECK(taken < 94);  // 131072 / (32 + 1400)
  CHECK(tap.dropped() == 1000 - taken);
  const auto all = all_of(tap);
  REQUIRE(all.size() == taken);
  for (std::uint32_t i = 0; i < taken; ++i) CHECK(all[i] == numbered(1400, i));
  tap.take({}, Way::in, kNow, numbered(9, 7));
  CHECK(all_of(tap) == std::vector<Octetss>{numbered(9, 7)});
}

TEST_CASE("packets of all sizes go round the ring unharmed, one thread writing and one reading") {
  Tap tap(kRing, 65535);
  constexpr std::uint32_t kCount = 20'000;
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::thread lane([&] {
    std::mt19937 random(seed);
    for (std::uint32_t i = 0; i < kCount; ++i) {
      const std::size_t size = random() % 8 == 0 ? random() % 65536 : random() % 200;
      const Octetss octets = numbered(size, i);
      while (tap.taken() == i) {  // until there is room
        tap.take({i, 0}, Way::out, kNow, octets);
        if (tap.taken() == i) std::this_thread::yield();
      }
    }
  });
  std::mt19937 random(seed);
  std::uint32_t wrong = 0;
  for (std::uint32_t i = 0; i < kCount;) {
    const auto packet = tap.front();
    if (!packet) {
      std::this_thread::yield();
      continue;
    }
    const std::size_t size = random() % 8 == 0 ? random() % 65536 : random() % 200;
    if (packet->peer.slot != i || !std::ranges::equal(packet->octets, numbered(size, i))) ++wrong;
    tap.pop();
    ++i;
  }
  lane.join();
  CHECK(wrong == 0);
}

TEST_CASE("the reader is woken once, and again for what comes after it looked") {
  Tap tap(kRing, 65535);
  CHECK_FALSE(tap.has_news());
  tap.take({}, Way::in, kNow, numbered(9, 1));
  CHECK(tap.has_news());
  CHECK_FALSE(tap.has_news());
  tap.take({}, Way::in, kNow, numbered(9, 2));
  CHECK_FALSE(tap.has_news());  // it was told, and has not looked yet
  tap.begin_reading();
  CHECK(all_of(tap).size() == 2);
  tap.take({}, Way::in, kNow, numbered(9, 3));
  CHECK(tap.has_news());
}

TEST_CASE("a capture gives the packets of all lanes in the order of their times") {
  Capture capture(2, {});
  capture.tap(0)->take({0, 0}, Way::in, kNow, numbered(9, 0));
  capture.tap(0)->take({2, 0}, Way::in, kNow + std::chrono::seconds(2), numbered(9, 2));
  capture.tap(1)->take({1, 0}, Way::in, kNow + std::chrono::seconds(1), numbered(9, 1));
  capture.tap(1)->take({3, 0}, Way::in, kNow + std::chrono::seconds(3), numbered(9, 3));
  capture.begin_reading();
  for (std::uint32_t i = 0; i < 4; ++i) {
    const auto packet = capture.next();
    REQUIRE(packet);
    CHECK(packet->peer.slot == i);
  }
  CHECK_FALSE(capture.next());
  CHECK(capture.counts() == CaptureCounts{4, 0});
}

TEST_CASE("lanes copy inner packets to their tap: without padding, only of whom it wants, and as they came") {
  LaneEnd a, b;
  const PeerId b_at_a = a.add_peer(2), a_at_b = b.add_peer(1);
  (void)a.give_session(b_at_a, Role::initiator, 0x100, 0x200, keys(1, 2));
  (void)b.give_session(a_at_b, Role::responder, 0x200, 0x100, keys(2, 1));
  a.state.tap = std::make_shared<Tap>(kRing, 65535);
  b.state.tap = std::make_shared<Tap>(kRing, 65535);
  const auto carry = [&] {
    for (std::uint32_t i = 0; i < 3; ++i) a.tun.waiting.push_back(packet(1, 2, 101 + i, i));
    (void)a.outbound.run();
    a.outbound.send_keepalive(*a.state.path.find(b_at_a));
    for (Sent sent : std::exchange(a.udp->sent, {})) {
      sent.to = endpoint(1);
      b.udp->arriving.push_back(sent);
    }
    while (!b.udp->arriving.empty()) (void)b.inbound.run(*b.udp);
  };
  carry();
  const std::vector<Octetss> packets{packet(1, 2, 101, 0), packet(1, 2, 102, 1), packet(1, 2, 103, 2)};
  REQUIRE(a.state.tap->front());
  CHECK(a.state.tap->front()->peer == b_at_a);
  CHECK(a.state.tap->front()->way == Way::out);
  CHECK(all_of(*a.state.tap) == packets);
  REQUIRE(b.state.tap->front());
  CHECK(b.state.tap->front()->peer == a_at_b);
  CHECK(b.state.tap->front()->way == Way::in);
  CHECK(all_of(*b.state.tap) == packets);
  CHECK(b.tun.written.size() == 3);

  a.state.tap->choose(std::vector<PeerId>{{b_at_a.slot, b_at_a.generation + 1}});
  b.state.tap->choose(std::vector<PeerId>{});
  carry();
  CHECK(all_of(*a.state.tap).empty());
  CHECK(all_of(*b.state.tap).empty());
  CHECK(b.tun.written.size() == 6);
}
