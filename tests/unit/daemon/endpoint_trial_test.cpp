// SPDX-License-Identifier: MIT
#include "endpoint_trial.hpp"

#include <doctest/doctest.h>

using namespace culvert::daemon;
using namespace std::chrono_literals;

namespace {

/// A peer that is looked at each 5 s, from a handshake at Unix time 1000 on unless a case says otherwise.
struct Looks {
  EndpointTrial trial;
  PeerText peer;
  std::chrono::seconds passed{0};

  Looks() { peer.last_handshake = 1000; }
  bool look(std::uint64_t sends, std::uint64_t hears) {
    peer.sent_octets += sends;
    peer.received_octets += hears;
    const bool verdict = trial.look(peer, EndpointTrial::Clock::time_point(1h + passed), 1000 + passed.count());
    passed += 5s;
    return verdict;
  }
  /// The look, counted from 1, that first says that it is time; 0: none of so many.
  int first(int looks, std::uint64_t sends, std::uint64_t hears) {
    for (int i = 1; i <= looks; ++i)
      if (look(sends, hears)) return i;
    return 0;
  }
};

}  // namespace

TEST_CASE("a peer that is heard stays where it is, and so does one that nobody speaks to") {
  CHECK(Looks().first(100, 1000, 32) == 0);
  CHECK(Looks().first(100, 0, 0) == 0);
}

TEST_CASE("a peer that is spoken to and silent for 15 s is tried elsewhere, and so on") {
  Looks looks;
  CHECK(looks.first(10, 148, 0) == 4);
  CHECK(looks.first(10, 148, 0) == 3);
  CHECK_FALSE(looks.look(148, 92));
  CHECK(looks.first(10, 148, 0) == 3);
}

TEST_CASE("keepalives ask for no answer, however often they are sent") {
  for (const int every : {1, 5, 25}) {
    Looks looks;
    looks.peer.persistent_keepalive = std::chrono::seconds(every);
    CHECK(looks.first(30, 32 * static_cast<std::uint64_t>(every >= 5 ? 1 : 5), 0) == 0);
  }
}

TEST_CASE("without a session all that is sent are initiations, with keepalives as well") {
  Looks looks;
  looks.peer.last_handshake = 0;
  looks.peer.persistent_keepalive = 25s;
  CHECK(looks.first(10, 148, 0) == 4);
  Looks old;
  old.passed = 180s;
  old.peer.persistent_keepalive = 200s;
  CHECK(old.first(10, 148, 0) == 4);
}

TEST_CASE("one look that finds nothing sent does not start the wait anew, two do") {
  Looks looks;
  CHECK_FALSE(looks.look(148, 0));
  CHECK_FALSE(looks.look(148, 0));
  CHECK_FALSE(looks.look(0, 0));
  CHECK(looks.look(148, 0));
  Looks quiet;
  CHECK_FALSE(quiet.look(148, 0));
  CHECK_FALSE(quiet.look(0, 0));
  CHECK_FALSE(quiet.look(0, 0));
  CHECK(quiet.first(10, 148, 0) == 3);
}

TEST_CASE("a packet half that was started anew counts from nothing, which is no silence") {
  Looks looks;
  CHECK_FALSE(looks.look(5000, 0));
  CHECK_FALSE(looks.look(148, 0));
  CHECK_FALSE(looks.look(148, 0));
  looks.peer.sent_octets = 0;
  CHECK_FALSE(looks.look(148, 0));
  CHECK(looks.first(10, 148, 0) == 3);
}
