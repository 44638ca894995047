// SPDX-License-Identifier: MIT
// Any packet from inside that nobody is behind: the answer is a packet itself, from its destination to its source, with
// right checksums, that quotes it; and it is none that is answered again.
#include "icmp_unreachable.hpp"

#include <memory>

#include "checksum.hpp"
#include "ip.hpp"
#include "support/input.hpp"

using namespace culvert;
using namespace culvert::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::unique_ptr<std::uint8_t[]> packet(new std::uint8_t[size]);  // nothing beyond its end may be read
  std::copy_n(data, size, packet.get());
  const Bytes asked(packet.get(), size);
  Octets<io::kMostIcmpOctets> room{};
  const std::size_t octets = io::icmp_unreachable(asked, room);
  if (octets == 0) return 0;

  const auto question = wire::parse_ip(asked);
  require(question.has_value(), "only packets are answered");
  require(octets <= room.size(), "the answer has room");
  const Bytes answer = Bytes(room).first(octets);
  const auto view = wire::parse_ip(answer);
  require(view && view->family == question->family, "the answer is a packet");
  require(view->source == question->destination && view->destination == question->source, "back to where it came from");
  const bool v4 = view->family == Family::v4;
  const Bytes header = answer.first(v4 ? 20 : 40);
  const Bytes message = answer.subspan(header.size());
  io::ChecksumSum sum;
  if (v4) {
    sum.add(header);
    require(sum.is_valid(), "the header's checksum fits");
    sum = {};
  } else {
    sum = io::pseudo_header(header.subspan(8), 58, static_cast<std::uint32_t>(message.size()));
  }
  sum.add(message);
  require(sum.is_valid(), "the message's checksum fits");
  const Bytes quoted = message.subspan(8);
  require(quoted.size() <= size && std::equal(quoted.begin(), quoted.end(), asked.begin()), "it quotes the beginning");
  require(io::icmp_unreachable(answer, room) == 0, "no answer is answered");
  return 0;
}
