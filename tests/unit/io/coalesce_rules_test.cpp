// SPDX-License-Identifier: MIT
// What single functions say; the rules at work are in coalesce_test.cpp.
#include "coalesce_rules.hpp"

#include <doctest/doctest.h>

#include "plain_packets.hpp"

namespace {

using culvert::io::Candidate;
using culvert::io::Group;
using culvert::io::read_candidate;
using plain::Octets;
using plain::Spec;

Spec spec_of(int version, int protocol) {
  return {.version = version, .protocol = protocol, .id = 9, .seq = 77, .payload = Octets(50, 3)};
}

}  // namespace

TEST_CASE("a candidate tells where its parts lie") {
  for (const int version : {4, 6}) {
    Spec spec = spec_of(version, 6);
    spec.tcp_options = Octets(12, 1);
    const Octets packet = plain::build(spec);
    const auto candidate = read_candidate(packet);
    REQUIRE(candidate.has_value());
    CHECK(candidate->role == Candidate::Role::member);
    CHECK(candidate->transport_start == (version == 4 ? 20 : 40));
    CHECK(candidate->header_octets == candidate->transport_start + 32);
    CHECK(candidate->payload_octets() == 50);
    CHECK(candidate->sequence == 77);
    CHECK(candidate->id == (version == 4 ? 9 : 0));
    CHECK(candidate->flow().data() == packet.data() + (version == 4 ? 12 : 8));
  }
}

TEST_CASE("a flow is protocol, addresses and ports") {
  std::vector<Octets> packets;
  for (const int version : {4, 6}) {
    for (const int protocol : {6, 17}) {
      for (int change = 0; change < 5; ++change) {
        Spec spec = spec_of(version, protocol);
        if (change == 1) spec.source = 9;
        if (change == 2) spec.target = 9;
        if (change == 3) spec.source_port = 9;
        if (change == 4) spec.target_port = 9;
        packets.push_back(plain::build(spec));
      }
    }
  }
  for (std::size_t a = 0; a < packets.size(); ++a) {
    for (std::size_t b = 0; b < packets.size(); ++b) {
      const auto first = read_candidate(packets[a]), second = read_candidate(packets[b]);
      REQUIRE((first.has_value() && second.has_value()));
      CHECK(same_flow(*first, *second) == (a == b));
    }
  }
}

TEST_CASE("a group takes no 65th packet, even of those that would fit") {
  Spec spec = spec_of(6, 17);
  const Octets packet = plain::build(spec);
  const auto candidate = read_candidate(packet);
  REQUIRE(candidate.has_value());
  Group group;
  start(group, *candidate);
  while (group.count < 64) {
    REQUIRE(would_join(group, *candidate));
    join(group, *candidate);
  }
  CHECK(group.octets == 48 + 64 * 50);
  CHECK_FALSE(would_join(group, *candidate));
}
