// SPDX-License-Identifier: MIT
// Datagrams that no honest node sent: damaged, cut, lengthened, replayed, made up. None of them may change anything but
// a counter, and nobody may be answered with more octets than they sent.
#include <doctest/doctest.h>

#include <numeric>

#include "pair.hpp"

using namespace culvert;
using namespace culvert::sim;

namespace {

/// Two nodes, of which each datagram is recorded and none arrives by itself: the test decides what does.
struct Recording {
  explicit Recording(std::uint64_t seed) : p(seed) {
    p.world.tap = [this](const Datagram& d) {
      if (recording) recorded.push_back(d);
      answered += d.octets.size();
    };
  }
  /// The first datagram that `action` makes somebody send.
  template <class F>
  Datagram record(F&& action) {
    recorded.clear();
    recording = true;
    action();
    recording = false;
    REQUIRE_FALSE(recorded.empty());
    return recorded.front();
  }
  Pair p;
  std::vector<Datagram> recorded;
  bool recording = false;
  std::size_t answered = 0;  // octets that left any node
};

/// Hands `base` to its receiver with each of its bits flipped, then cut and lengthened.
template <class Check>
void mutilate(World& world, const Datagram& base, Check&& check) {
  for (std::size_t bit = 0; bit < base.octets.size() * 8; ++bit) {
    Datagram d = base;
    d.octets[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    world.replay(d);
    check(bit / 8);
  }
  for (std::size_t n = 0; n < base.octets.size(); ++n) {
    Datagram d = base;
    d.octets.resize(n);
    world.replay(d);
    check(n);
  }
  for (std::size_t n = 1; n <= 64; ++n) {
    Datagram d = base;
    d.octets.resize(base.octets.size() + n);
    world.replay(d);
    check(base.octets.size());
  }
}

constexpr std::size_t kMac2At = 16;  // from the end of an initiation or a response

}  // namespace

TEST_CASE("an initiation with any bit flipped, cut or lengthened is not answered") {
  Recording r(1);
  r.p.world.path(r.p.a, r.p.b).cut = true;
  const Datagram initiation = r.record([&] { r.p.world.send(r.p.a, r.p.b); });
  std::uint64_t answers_to_mac2 = 0;
  mutilate(r.p.world, initiation, [&](std::size_t at) {
    // mac2 says nothing to a node that is not under load; but the first such copy is as good as the original.
    const bool in_mac2 = at >= 148 - kMac2At && at < 148;
    if (in_mac2) answers_to_mac2 = r.p.from_b().of(Kind::response);
    CHECK(r.p.from_b().total() == answers_to_mac2);
  });
  CHECK(answers_to_mac2 == 1);
}

TEST_CASE("a response with any bit flipped, cut or lengthened makes no session") {
  Recording r(2);
  r.p.world.send(r.p.a, r.p.b);
  r.p.world.path(r.p.b, r.p.a).cut = true;
  const Datagram response = r.record([&] { r.p.world.run_for(kDelay); });
  REQUIRE(kind_of(response.octets) == Kind::response);
  std::uint64_t expected = 0;
  mutilate(r.p.world, response, [&](std::size_t at) {
    if (at >= 92 - kMac2At && at < 92) expected = r.p.from_a().of(Kind::data);
    CHECK(r.p.from_a().of(Kind::data) == expected);
  });
  CHECK(expected == 1);
}

TEST_CASE("a cookie reply with any bit flipped, cut or lengthened is not taken") {
  Recording r(3);
  r.p.world.demand_cookies(r.p.b, Tunnel::Cookies::demanded);
  r.p.world.send(r.p.a, r.p.b);
  r.p.world.path(r.p.b, r.p.a).cut = true;
  const Datagram reply = r.record([&] { r.p.world.run_for(kDelay); });
  REQUIRE(kind_of(reply.octets) == Kind::cookie_reply);
  mutilate(r.p.world, reply, [](std::size_t) {});
  // Every copy was refused, so the next initiation carries no mac2.
  const Datagram retry = r.record([&] { r.p.world.run_for(5400ms); });
  REQUIRE(kind_of(retry.octets) == Kind::initiation);
  CHECK(std::all_of(retry.octets.end() - kMac2At, retry.octets.end(), [](std::uint8_t o) { return o == 0; }));
  // The true one is.
  const Datagram true_reply = r.recorded.back();
  REQUIRE(kind_of(true_reply.octets) == Kind::cookie_reply);
  r.p.world.replay(true_reply);
  const Datagram third = r.record([&] { r.p.world.run_for(5400ms); });
  CHECK_FALSE(std::all_of(third.octets.end() - kMac2At, third.octets.end(), [](std::uint8_t o) { return o == 0; }));
}

TEST_CASE("data with any bit flipped, cut or lengthened is not delivered, and the true packet still is") {
  Recording r(4);
  r.p.connect();
  r.p.world.path(r.p.a, r.p.b).cut = true;
  for (int i = 0; i < 10; ++i) {
    const Datagram data = r.record([&] { r.p.world.send(r.p.a, r.p.b); });
    const std::uint64_t before = r.p.there().delivered();
    r.answered = 0;
    mutilate(r.p.world, data, [&](std::size_t) { CHECK(r.p.there().delivered() == before); });
    CHECK(r.answered == 0);
    r.p.world.replay(data);
    CHECK(r.p.there().delivered() == before + 1);
  }
  CHECK(r.p.world.wrong_deliveries() == 0);
}

TEST_CASE("every packet of a session is delivered once, however often and in whatever order it comes") {
  for (const bool shuffled : {false, true}) {
    CAPTURE(shuffled);
    Recording r(5);
    r.p.connect();
    r.p.world.path(r.p.a, r.p.b).cut = true;
    (void)r.record([&] {
      for (int i = 0; i < 8000; ++i) r.p.world.send(r.p.a, r.p.b);
    });
    if (shuffled)
      for (std::size_t i = r.recorded.size(); i > 1; --i)
        std::swap(r.recorded[i - 1], r.recorded[static_cast<std::size_t>(r.p.world.rng().below(i))]);
    for (int round = 0; round < 2; ++round)
      for (const Datagram& d : r.recorded) {
        r.p.world.replay(d);
        r.p.world.replay(d);
      }
    CHECK(r.p.there().delivered() == 8001);
    CHECK(r.p.there().duplicates() == 0);
    CHECK(r.p.b.dropped(Drop::replayed) == 3 * 8000);
  }
}

TEST_CASE("made-up datagrams of every length and every first octet are never answered") {
  Recording r(6);
  r.p.connect();
  r.answered = 0;
  Rng rng(6);
  for (std::size_t n = 0; n <= 2048; ++n) {
    Datagram d{std::vector<std::uint8_t>(n), {Node::address(192, 77), 9, 0}, r.p.b.here};
    for (std::uint8_t& octet : d.octets) octet = static_cast<std::uint8_t>(rng.next());
    for (int first = 0; first < 256; first += n % 16 == 0 || n < 200 ? 1 : 51) {
      if (n > 0) d.octets[0] = static_cast<std::uint8_t>(first);
      if (n > 3) d.octets[1] = d.octets[2] = d.octets[3] = static_cast<std::uint8_t>(first % 3 == 0 ? 1 : 0);
      r.p.world.replay(d);
    }
  }
  CHECK(r.answered == 0);
  CHECK(r.p.world.wrong_deliveries() == 0);
  CHECK(r.p.b.tunnel->status(r.p.a.public_key)->endpoint == r.p.a.here);
  r.p.world.send(r.p.a, r.p.b);
  r.p.world.run_for(1s);
  CHECK(r.p.there().lost() == 0);
}

TEST_CASE("nobody is answered with more octets than they sent") {
  for (const auto cookies : {Tunnel::Cookies::not_asked, Tunnel::Cookies::demanded}) {
    Recording r(7);
    r.p.world.demand_cookies(r.p.b, cookies);
    r.p.world.path(r.p.a, r.p.b).cut = true;
    const Datagram initiation = r.record([&] { r.p.world.send(r.p.a, r.p.b); });
    r.answered = 0;
    r.p.world.replay(initiation);
    CHECK(r.answered == (cookies == Tunnel::Cookies::demanded ? 64 : 92));
    CHECK(r.answered < initiation.octets.size());
  }
}
