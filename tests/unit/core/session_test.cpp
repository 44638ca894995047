// SPDX-License-Identifier: MIT
// The transitions of session.hpp, from every state that they can meet.
#include "session.hpp"

#include <algorithm>
#include <new>

#include <doctest/doctest.h>

using namespace culvert;
using namespace std::chrono_literals;

namespace {

using Crossing = Sessions::Crossing;

constexpr Instant kBorn{1000s};

SessionKeys keys(std::uint8_t fill) {
  Octets<32> octets;
  octets.fill(fill);
  return {Secret<32>(octets), Secret<32>(octets)};
}

SessionRef session(std::uint32_t index) {
  return std::make_shared<Session>(PeerId{0, 0}, Role::initiator, kBorn, index, 100 + index, keys(0xaa));
}

/// All eight: bit 0 previous, bit 1 current, bit 2 next.
struct State {
  SessionRef p, c, n;
  Sessions sessions;
};
State state(unsigned present) {
  State s{session(1), session(2), session(3), {}};
  if ((present & 1) != 0) s.sessions.previous = s.p;
  if ((present & 2) != 0) s.sessions.current = s.c;
  if ((present & 4) != 0) s.sessions.next = s.n;
  return s;
}

}  // namespace

TEST_CASE("our initiation was answered: current is kept as previous, the new session is current, next can be opened") {
  for (const auto crossing : {Crossing::none, Crossing::ours_wins, Crossing::theirs_wins}) {
    for (unsigned present = 0; present < 8; ++present) {
      CAPTURE(present);
      State s = state(present);
      const SessionRef fresh = session(9);
      s.sessions.install_as_initiator(fresh, crossing);
      CHECK(s.sessions.previous == ((present & 2) != 0 ? s.c : nullptr));
      CHECK(s.sessions.current == fresh);
      CHECK(s.sessions.next == ((present & 4) != 0 ? s.n : nullptr));
    }
  }
}

TEST_CASE("we answered an initiation: previous goes, current stays, the new session waits as next") {
  for (unsigned present = 0; present < 8; ++present) {
    CAPTURE(present);
    State s = state(present);
    const SessionRef fresh = session(9);
    s.sessions.install_as_responder(fresh);
    CHECK(s.sessions.previous == nullptr);
    CHECK(s.sessions.current == ((present & 2) != 0 ? s.c : nullptr));
    CHECK(s.sessions.next == fresh);
  }
}

TEST_CASE("the first packet under next: it becomes current, and current previous") {
  for (unsigned present = 4; present < 8; ++present) {
    CAPTURE(present);
    State s = state(present);
    CHECK(s.sessions.confirm(3));
    CHECK(s.sessions.previous == ((present & 2) != 0 ? s.c : nullptr));
    CHECK(s.sessions.current == s.n);
    CHECK(s.sessions.next == nullptr);
  }
}

TEST_CASE("only next is confirmed: any other index changes nothing") {
  for (unsigned present = 0; present < 8; ++present) {
    for (const std::uint32_t index : {0u, 1u, 2u, 3u, 103u}) {
      if (index == 3 && (present & 4) != 0) continue;
      CAPTURE(present);
      CAPTURE(index);
      State s = state(present);
      CHECK_FALSE(s.sessions.confirm(index));
      CHECK(s.sessions.previous == ((present & 1) != 0 ? s.p : nullptr));
      CHECK(s.sessions.current == ((present & 2) != 0 ? s.c : nullptr));
      CHECK(s.sessions.next == ((present & 4) != 0 ? s.n : nullptr));
    }
  }
}

TEST_CASE("next does not take over from a session of ours that is younger, unless the two crossed and theirs wins") {
  State s = state(7);
  const SessionRef ours = session(9);
  SUBCASE("ours is younger, or wins: their session is opened, and never sealed with") {
    for (const auto crossing : {Crossing::none, Crossing::ours_wins}) {
      s = state(7);
      s.sessions.install_as_initiator(ours, crossing);
      CHECK_FALSE(s.sessions.confirm(3));
      CHECK(s.sessions.previous == s.c);
      CHECK(s.sessions.current == ours);
      CHECK(s.sessions.next == s.n);
    }
  }
  SUBCASE("theirs wins: all that the other side may seal with can still be opened") {
    s.sessions.install_as_initiator(ours, Crossing::theirs_wins);
    CHECK(s.sessions.confirm(3));
    CHECK(s.sessions.previous == s.c);
    CHECK(s.sessions.current == s.n);
    CHECK(s.sessions.next == ours);
    CHECK_FALSE(s.sessions.confirm(9));
    CHECK(s.sessions.current == s.n);
  }
}

TEST_CASE("a crossing is over with the next handshake") {
  for (const auto crossing : {Crossing::none, Crossing::ours_wins, Crossing::theirs_wins}) {
    State s = state(7);
    const SessionRef ours = session(9), fresh = session(10);
    s.sessions.install_as_initiator(ours, crossing);
    s.sessions.install_as_responder(fresh);
    CHECK(s.sessions.current == ours);
    CHECK(s.sessions.confirm(10));
    CHECK(s.sessions.previous == ours);
    CHECK(s.sessions.current == fresh);
    CHECK(s.sessions.next == nullptr);
  }
}

TEST_CASE("sessions are empty when all three are absent") {
  for (unsigned present = 0; present < 8; ++present) CHECK(state(present).sessions.empty() == (present == 0));
}

TEST_CASE("a session is expired at 180 s, to the nanosecond") {
  const SessionRef s = session(1);
  CHECK_FALSE(is_expired(*s, kBorn));
  CHECK_FALSE(is_expired(*s, kBorn + 180s - 1ns));
  CHECK(is_expired(*s, kBorn + 180s));
  CHECK(is_expired(*s, kBorn + 10000s));
}

TEST_CASE("a lane whose clock was read before the session was born takes it for new") {
  CHECK_FALSE(is_expired(*session(1), kBorn - 1s));
}

TEST_CASE("a session that dies leaves no key behind") {
  alignas(Session) static Octets<sizeof(Session)> storage;
  const auto keys_in = [&] { return std::ranges::count(storage, std::uint8_t{0xaa}); };
  auto* dying = new (storage.data()) Session(PeerId{0, 0}, Role::responder, kBorn, 1, 2, keys(0xaa));
  REQUIRE(keys_in() >= 64);
  dying->~Session();
  CHECK(keys_in() < 8);
}

TEST_CASE("send counters start at zero and have 64 bits") {
  const SessionRef s = session(1);
  CHECK(s->send_counter.load() == 0);
  s->send_counter = 0xffffffff;
  CHECK(s->send_counter.fetch_add(2) == 0xffffffff);
  CHECK(s->send_counter.load() == 0x100000001);
}
