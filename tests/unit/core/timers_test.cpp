// SPDX-License-Identifier: MIT
// Each rule one nanosecond before its instant, and at it. Times are those of [W 6.1], typed again.
#include "timers.hpp"

#include <doctest/doctest.h>

using namespace culvert;
using namespace std::chrono_literals;

namespace {

constexpr Instant kStart{1000s};

/// Nothing is due one nanosecond early, and `at` is named; at the instant, and later, it is due.
void check_due(const PeerInstants& p, Due due, Instant at) {
  CHECK(next_action(p, at - 1ns) == NextAction{Due::nothing, at});
  CHECK(next_action(p, at) == NextAction{due, at});
  CHECK(next_action(p, at + 1h) == NextAction{due, at});
}

}  // namespace

TEST_CASE("for a peer without any instant nothing is ever due") {
  CHECK(next_action({}, kStart) == NextAction{Due::nothing, std::nullopt});
  CHECK(next_action({}, Instant::max()) == NextAction{Due::nothing, std::nullopt});
}

TEST_CASE("keys are wiped 540 s after the youngest session was made") {
  check_due({.keys_born = kStart}, Due::wipe, kStart + 540s);
}

TEST_CASE("an unanswered initiation is repeated after 5 s and its jitter") {
  for (const Duration jitter : {Duration(0ns), Duration(1ns), Duration(333ms)}) {
    check_due({.last_initiation_sent = kStart, .jitter = jitter, .awaiting_response = true}, Due::retry_initiation,
              kStart + 5s + jitter);
  }
}

TEST_CASE("an answered initiation is not repeated") {
  CHECK(next_action({.last_initiation_sent = kStart, .jitter = 1ms}, kStart + 1h).due == Due::nothing);
}

TEST_CASE("an initiation is repeated 18 times; then the wait for the last one ends in giving up") {
  PeerInstants p{.last_initiation_sent = kStart, .jitter = 100ms, .awaiting_response = true};
  int repeated = 0;
  while (next_action(p, *p.last_initiation_sent + 5100ms).due == Due::retry_initiation) {
    REQUIRE(++repeated < 100);
    ++p.retries;
    *p.last_initiation_sent += 5100ms;
  }
  CHECK(repeated == 18);
  check_due(p, Due::give_up, *p.last_initiation_sent + 5100ms);
}

TEST_CASE("a wanted initiation goes at once when there was none before") {
  CHECK(next_action({.initiation_wanted = true}, kStart).due == Due::initiate);
  CHECK(next_action({.initiation_wanted = true}, Instant{}).due == Due::initiate);
}

TEST_CASE("a wanted initiation waits until 5 s after the one before") {
  check_due({.last_initiation_sent = kStart, .jitter = 300ms, .initiation_wanted = true}, Due::initiate, kStart + 5s);
}

TEST_CASE("a wanted initiation waits until 5 s after a response of ours, too") {
  check_due({.last_response_sent = kStart, .jitter = 300ms, .initiation_wanted = true}, Due::initiate, kStart + 5s);
  check_due({.last_initiation_sent = kStart - 1s, .last_response_sent = kStart, .initiation_wanted = true},
            Due::initiate, kStart + 5s);
  check_due({.last_initiation_sent = kStart, .last_response_sent = kStart - 1s, .initiation_wanted = true},
            Due::initiate, kStart + 5s);
  check_due({.unheard_since = kStart, .last_response_sent = kStart + 12s}, Due::initiate, kStart + 17s);
}

TEST_CASE("an unanswered initiation is repeated on time although we answered one meanwhile") {
  check_due({.last_initiation_sent = kStart, .last_response_sent = kStart + 1s, .awaiting_response = true},
            Due::retry_initiation, kStart + 5s);
}

TEST_CASE("while a response is awaited the next initiation is the repeated one") {
  const PeerInstants p{.unheard_since = kStart - 1h,
                       .last_initiation_sent = kStart,
                       .jitter = 1ms,
                       .awaiting_response = true,
                       .initiation_wanted = true};
  check_due(p, Due::retry_initiation, kStart + 5001ms);
}

TEST_CASE("data sent and nothing heard for 15 s and the jitter: a new handshake") {
  check_due({.unheard_since = kStart}, Due::initiate, kStart + 15s);
  check_due({.unheard_since = kStart, .jitter = 333ms}, Due::initiate, kStart + 15333ms);
}

TEST_CASE("silence never brings an initiation closer than 5 s to the one before") {
  check_due({.unheard_since = kStart, .last_initiation_sent = kStart + 12s}, Due::initiate, kStart + 17s);
  check_due({.unheard_since = kStart, .last_initiation_sent = kStart + 2s}, Due::initiate, kStart + 15s);
}

TEST_CASE("data received and nothing sent for 10 s: a keepalive, without jitter") {
  check_due({.unanswered_since = kStart, .jitter = 333ms}, Due::passive_keepalive, kStart + 10s);
}

TEST_CASE("a persistent keepalive is due one interval after the last packet either way") {
  check_due({.last_passage = kStart, .persistent_interval = 25s}, Due::persistent_keepalive, kStart + 25s);
  check_due({.last_passage = kStart, .persistent_interval = 65535s}, Due::persistent_keepalive, kStart + 65535s);
  CHECK(next_action({.last_passage = kStart}, kStart + 1h).due == Due::nothing);
}

TEST_CASE("a persistent keepalive that found no session is asked for again one interval later") {
  check_due({.last_passage = kStart, .last_persistent = kStart + 30s, .persistent_interval = 25s},
            Due::persistent_keepalive, kStart + 55s);
  check_due({.last_passage = kStart + 40s, .last_persistent = kStart + 30s, .persistent_interval = 25s},
            Due::persistent_keepalive, kStart + 65s);
  check_due({.last_persistent = kStart, .persistent_interval = 1s}, Due::persistent_keepalive, kStart + 1s);
}

TEST_CASE("of several that are due the order is wipe, handshake, passive keepalive, persistent keepalive") {
  PeerInstants p{.unanswered_since = kStart,
                 .last_passage = kStart,
                 .last_initiation_sent = kStart,
                 .keys_born = kStart,
                 .persistent_interval = 1s,
                 .awaiting_response = true,
                 .initiation_wanted = true};
  const Instant late = kStart + 1h;
  CHECK(next_action(p, late).due == Due::wipe);
  p.keys_born.reset();
  CHECK(next_action(p, late).due == Due::retry_initiation);
  p.retries = 18;
  CHECK(next_action(p, late).due == Due::give_up);
  p.awaiting_response = false;
  CHECK(next_action(p, late).due == Due::initiate);
  p.initiation_wanted = false;
  CHECK(next_action(p, late).due == Due::passive_keepalive);
  p.unanswered_since.reset();
  CHECK(next_action(p, late).due == Due::persistent_keepalive);
  p.persistent_interval = 0s;
  CHECK(next_action(p, late) == NextAction{Due::nothing, std::nullopt});
}

TEST_CASE("when nothing is due yet, the soonest of all rules is named") {
  PeerInstants p{.unheard_since = kStart,     // 15 s
                 .unanswered_since = kStart,  // 10 s
                 .last_passage = kStart,      // 7 s
                 .keys_born = kStart,         // 540 s
                 .persistent_interval = 7s};
  CHECK(next_action(p, kStart) == NextAction{Due::nothing, kStart + 7s});
  p.persistent_interval = 0s;
  CHECK(next_action(p, kStart) == NextAction{Due::nothing, kStart + 10s});
  p.unanswered_since.reset();
  CHECK(next_action(p, kStart) == NextAction{Due::nothing, kStart + 15s});
  p.last_initiation_sent = kStart;
  p.awaiting_response = true;
  CHECK(next_action(p, kStart) == NextAction{Due::nothing, kStart + 5s});
  p.awaiting_response = false;
  p.unheard_since.reset();
  CHECK(next_action(p, kStart) == NextAction{Due::nothing, kStart + 540s});
}
