// SPDX-License-Identifier: MIT
#include "peers_after.hpp"

#include <doctest/doctest.h>

#include "node.hpp"

using namespace culvert;
using namespace culvert::test;

namespace {

PublicKey key(std::uint8_t n) {
  PublicKey made;
  made.octets[0] = n;
  return made;
}

PeerChange change_of(std::uint8_t n) {
  PeerChange change;
  change.public_key = key(n);
  return change;
}
PeerChange removal_of(std::uint8_t n) {
  PeerChange change = change_of(n);
  change.remove = true;
  return change;
}
PeerChange update_of(std::uint8_t n) {
  PeerChange change = change_of(n);
  change.update_only = true;
  return change;
}

/// A device with the peers 1, 2 and 3.
struct Three {
  TestClock clock;
  Node node{clock, kInitiatorPrivate, 1};

  Three() {
    Actions actions;
    for (const std::uint8_t n : Octets<3>{1, 2, 3}) REQUIRE(node.device.add_peer(key(n), actions));
  }
  template <class... Changes>
  [[nodiscard]] std::size_t after(bool replace, Changes... changes) const {
    SetRequest request;
    request.replace_peers = replace;
    (request.peers.push_back(std::move(changes)), ...);
    return peers_after(node.device, request);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Three, "peers that come and go, in any order, and no others count") {
  CHECK(after(false) == 3);
  CHECK(after(false, change_of(4)) == 4);
  CHECK(after(false, change_of(2)) == 3);
  CHECK(after(false, removal_of(2)) == 2);
  CHECK(after(false, removal_of(4)) == 3);
  CHECK(after(false, removal_of(2), change_of(4)) == 3);
  CHECK(after(false, change_of(4), removal_of(2)) == 3);
  CHECK(after(false, removal_of(1), removal_of(2), removal_of(3)) == 0);
}

TEST_CASE_FIXTURE(Three, "a change of peers that are there makes none") {
  CHECK(after(false, update_of(4)) == 3);
  CHECK(after(false, update_of(2)) == 3);
}

TEST_CASE_FIXTURE(Three, "those that replace all others are all there are") {
  CHECK(after(true) == 0);
  CHECK(after(true, change_of(2), change_of(4)) == 2);
  CHECK(after(true, removal_of(2), change_of(4)) == 1);
  CHECK(after(true, update_of(2), change_of(4)) == 1);
}
