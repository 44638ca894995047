// SPDX-License-Identifier: MIT
// Inner IP headers. Input: the outer ECN, then a packet. What is accepted lies within the packet; merging ECN changes
// the two bits and the checksum, and a header checksum that was right stays right.
#include "ip.hpp"

#include <ip_packets.hpp>

#include "support/input.hpp"

using namespace culvert;
using namespace culvert::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const auto outer = static_cast<wire::Ecn>(input.octet() & 3);
  const Bytes rest = input.octets(size);
  const std::vector<std::uint8_t> before(rest.begin(), rest.end());  // of exactly this size
  const auto view = wire::parse_ip(before);
  if (!view) return 0;
  require(view->total_octets <= before.size(), "a packet ends within what was given");
  require(view->total_octets >= (view->family == Family::v4 ? 20u : 40u), "and has a whole header");
  (void)wire::udp_ports(before);
  auto after = before;
  const wire::Ecn inner = wire::ecn(before);
  if (!wire::decapsulate_ecn(outer, after)) {
    require(inner == wire::Ecn::not_ect && outer == wire::Ecn::ce, "one case is dropped");
    require(after == before, "and nothing changed");
    return 0;
  }
  const std::size_t header = view->family == Family::v4 ? std::size_t{4} * (before[0] & 15) : 40;
  if (view->family == Family::v4 && test::internet_checksum(Bytes(before).first(header)) == 0)
    require(test::internet_checksum(Bytes(after).first(header)) == 0, "a checksum that was right stays right");
  const wire::Ecn merged = wire::ecn(after);
  require(inner == wire::Ecn::not_ect ? merged == inner : merged != wire::Ecn::not_ect, "ECN is neither made nor lost");
  after[1] = before[1];
  if (view->family == Family::v4) std::copy_n(before.begin() + 10, 2, after.begin() + 10);
  require(after == before, "nothing else changed");
  return 0;
}
