// SPDX-License-Identifier: MIT
#include "peer.hpp"

#include <doctest/doctest.h>

using namespace culvert;

namespace {

std::shared_ptr<Session> counted(std::uint64_t expected, std::uint64_t accepted) {
  auto session = std::make_shared<Session>(PeerId{0, 1}, Role::initiator, Instant{}, 1, 2, SessionKeys{});
  session->expected.store(expected);
  session->accepted.store(accepted);
  return session;
}

}  // namespace

TEST_CASE("no more messages have come than the peer has used numbers for, whenever a lane is looked at") {
  // As the words stand when a lane has written the one of its next train, and not yet the other.
  Peer peer;
  peer.sessions.current = counted(5, 7);
  CHECK(peer.arrivals().expected == 7);
  CHECK(peer.arrivals().accepted == 7);

  peer.keep_arrivals(*peer.sessions.current);
  peer.sessions.current = counted(10, 4);
  CHECK(peer.arrivals().expected == 17);
  CHECK(peer.arrivals().accepted == 11);
  CHECK(peer.arrivals().lately_expected == 10);
}
