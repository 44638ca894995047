// SPDX-License-Identifier: MIT
#include "coalesce_probe.hpp"

#include <doctest/doctest.h>

#include "recording_queue.hpp"

namespace {

using culvert::io::CoalesceOptions;
using culvert::io::Coalescing;
using culvert::io::probe_coalescing;
using culvert::io::VnetHeader;

constexpr CoalesceOptions kAll{.tcp = Coalescing::on, .udp = Coalescing::on};

}  // namespace

TEST_CASE("the probe is a super-packet of each wanted kind that no IP layer accepts") {
  RecordingQueue queue;
  const auto works = probe_coalescing(queue, kAll);
  REQUIRE(works.has_value());
  CHECK(works->tcp == Coalescing::on);
  CHECK(works->udp == Coalescing::on);
  REQUIRE(queue.writes.size() == 2);
  CHECK(queue.writes[0].header.gso_type == 1);
  CHECK(queue.writes[1].header.gso_type == 5);
  for (const auto& write : queue.writes) {
    CHECK(write.packet.size() == write.header.hdr_len + 2u * write.header.gso_size);
    CHECK(write.packet[0] == 0x45);
    CHECK(write.packet[3] == write.packet.size());
    CHECK(write.packet[8] == 0);                              // TTL
    CHECK((write.packet[10] == 0 && write.packet[11] == 0));  // header checksum, which cannot be zero here
  }
  CHECK(probe_coalescing(queue, {}).has_value());
  CHECK(queue.writes.size() == 2);
}

TEST_CASE("a kind that the kernel refuses does not work, and the other is asked for itself") {
  for (const std::uint8_t kind : {std::uint8_t{1}, std::uint8_t{5}}) {
    RecordingQueue queue;
    queue.refuse = [kind](const VnetHeader& header) { return header.gso_type == kind ? 22 : 0; };
    const auto works = probe_coalescing(queue, kAll);
    REQUIRE(works.has_value());
    CHECK(works->tcp == (kind == 1 ? Coalescing::off : Coalescing::on));
    CHECK(works->udp == (kind == 5 ? Coalescing::off : Coalescing::on));
  }
}

TEST_CASE("while the link is down nothing is learned") {
  RecordingQueue queue;
  queue.refuse = [](const VnetHeader&) { return 5; };
  const auto works = probe_coalescing(queue, kAll);
  REQUIRE_FALSE(works.has_value());
  CHECK(works.error().stop == culvert::io::TunStop::down);
  CHECK(queue.attempts == 1);
}
