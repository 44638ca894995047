// SPDX-License-Identifier: MIT
#include "coalesce.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <memory>

#include "plain_packets.hpp"
#include "recording_queue.hpp"
#include "segment.hpp"

namespace {

using culvert::Bytes;
using culvert::io::CoalesceOptions;
using culvert::io::Coalescer;
using culvert::io::Coalescing;
using culvert::io::Transport;
using culvert::io::TunOffload;
using culvert::io::VnetHeader;
using plain::Octets;
using plain::Spec;

constexpr CoalesceOptions kAll{.tcp = Coalescing::on, .udp = Coalescing::on};

Spec spec_of(int version, int protocol, std::size_t payload) {
  std::mt19937_64 random(payload);
  Spec spec{.version = version, .protocol = protocol};
  spec.payload = plain::random_octets(random, payload);
  return spec;
}

/// The packets that a recording queue took, cut again where they were joined.
std::vector<Octets> packets_in(const RecordingQueue& queue) {
  std::vector<Octets> packets;
  for (const auto& write : queue.writes) {
    const auto planned = culvert::io::plan(write.header, write.packet);
    REQUIRE(planned.has_value());
    for (std::size_t i = 0; i < planned->count; ++i) {
      packets.emplace_back(planned->size(i));
      REQUIRE(culvert::io::write_segment(*planned, i, packets.back()) == packets.back().size());
    }
  }
  return packets;
}

struct Joined {
  RecordingQueue queue;
  Coalescer coalescer{queue, kAll};

  std::size_t super_packets() const { return static_cast<std::size_t>(coalescer.counters().super_packets.load()); }
};

/// How many writes it takes to bring two packets in.
std::size_t writes_for(const Octets& first, const Octets& second) {
  Joined joined;
  joined.coalescer.add(first);
  joined.coalescer.add(second);
  const auto outcome = joined.coalescer.flush();
  CHECK(outcome.written == 2);
  CHECK(outcome.lost == 0);
  std::vector<Octets> packets;
  for (const Octets& packet : packets_in(joined.queue)) packets.push_back(plain::without_idle_id(packet));
  CHECK(packets == std::vector<Octets>{plain::without_idle_id(first), plain::without_idle_id(second)});
  return joined.queue.writes.size();
}

/// The same for two neighbours of a flow of which `change` altered the second.
template <class Change>
std::size_t writes_after(const Spec& whole, Change change) {
  const std::size_t half = whole.payload.size() / 2;
  const auto middle = whole.payload.begin() + static_cast<std::ptrdiff_t>(half);
  Spec first = whole, second = whole;
  first.payload.assign(whole.payload.begin(), middle);
  second.payload.assign(middle, whole.payload.end());
  second.seq += static_cast<std::uint32_t>(half);
  ++second.id;
  change(first, second);
  return writes_for(plain::build(first), plain::build(second));
}

}  // namespace

TEST_CASE("full-size packets of one flow go in with one write that cuts back to the same octets") {
  for (const int version : {4, 6}) {
    for (const int protocol : {6, 17}) {
      const Spec spec = spec_of(version, protocol, 40 * 1300 + 77);
      const auto packets = plain::split(spec, 1300);
      Joined joined;
      for (const auto& packet : packets) joined.coalescer.add(packet);
      const auto outcome = joined.coalescer.flush();
      CHECK(outcome.written == 41);
      REQUIRE(joined.queue.writes.size() == 1);
      CHECK(packets_in(joined.queue) == packets);
      CHECK(joined.coalescer.counters().super_packets == 1);
      CHECK(joined.coalescer.counters().joined_packets == 41);

      // The kernel finishes the checksum, from the pseudo header's sum and to the place that the vnet header names.
      const auto& [header, packet, parts] = joined.queue.writes[0];
      CHECK(packet == plain::build_partial(spec));
      CHECK(parts == 42);
      CHECK(header.flags == 1);
      CHECK(header.gso_type == (protocol == 17 ? 5 : version == 4 ? 1 : 4));
      CHECK(header.gso_size == 1300);
      CHECK(header.hdr_len == (version == 4 ? 20 : 40) + (protocol == 17 ? 8 : 20));
      CHECK(header.csum_start == (version == 4 ? 20 : 40));
      CHECK(header.csum_offset == (protocol == 17 ? 6 : 16));
    }
  }
}

TEST_CASE("two neighbours join, and each difference that the kernel's GRO respects keeps them apart") {
  for (const int version : {4, 6}) {
    for (const int protocol : {6, 17}) {
      CAPTURE(version);
      CAPTURE(protocol);
      const Spec whole = spec_of(version, protocol, 200);
      const auto apart = [&](auto change) {
        return writes_after(whole, [&](Spec&, Spec& second) { change(second); }) == 2;
      };
      CHECK_FALSE(apart([](Spec&) {}));
      CHECK(apart([](Spec& s) { s.source = 2; }));
      CHECK(apart([](Spec& s) { s.target = 2; }));
      CHECK(apart([](Spec& s) { s.source_port = 1; }));
      CHECK(apart([](Spec& s) { s.target_port = 1; }));
      CHECK(apart([](Spec& s) { s.ttl = 63; }));
      CHECK(apart([](Spec& s) { s.tos = 4; }));
      CHECK(apart([](Spec& s) { s.tos = 3; }));  // congestion experienced
      CHECK(apart([](Spec& s) { s.payload.push_back(0); }));
      CHECK(apart([](Spec& s) { s.payload.clear(); }));
      if (version == 4) {
        CHECK(apart([](Spec& s) { s.fragment = 0; }));
        CHECK(apart([](Spec& s) { s.fragment = 0x6000; }));
        CHECK(apart([](Spec& s) { s.fragment = 0xc000; }));
        CHECK(apart([](Spec& s) { s.id = 5; }));
        CHECK(apart([](Spec& s) { s.ip_options = {1, 1, 1, 1}; }));
        CHECK_FALSE(apart([](Spec& s) { s.id = 0; }));
      } else {
        CHECK(apart([](Spec& s) { s.flow_label = 1; }));
        CHECK(apart([&](Spec& s) {
          s.first_extension = 60;
          s.extensions = {static_cast<std::uint8_t>(protocol), 0, 1, 4, 0, 0, 0, 0};
        }));
      }
    }
  }
}

TEST_CASE("TCP neighbours need the next sequence number, and equal acknowledgement, flags, window and options") {
  Spec whole = spec_of(4, 6, 200);
  whole.tcp_options = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2};
  const auto apart = [&](auto change) {
    return writes_after(whole, [&](Spec&, Spec& second) { change(second); }) == 2;
  };
  CHECK_FALSE(apart([](Spec&) {}));
  CHECK_FALSE(apart([](Spec& s) { s.flags = 0x18; }));  // PSH
  CHECK_FALSE(apart([](Spec& s) { s.flags = 0x11; }));  // FIN
  CHECK(apart([](Spec& s) { ++s.seq; }));
  CHECK(apart([](Spec& s) { --s.seq; }));
  CHECK(apart([](Spec& s) { ++s.ack; }));
  CHECK(apart([](Spec& s) { ++s.window; }));
  CHECK(apart([](Spec& s) { s.urgent = 1; }));
  CHECK(apart([](Spec& s) { s.reserved = 1; }));
  CHECK(apart([](Spec& s) { s.flags = 0x12; }));  // SYN
  CHECK(apart([](Spec& s) { s.flags = 0x14; }));  // RST
  CHECK(apart([](Spec& s) { s.flags = 0x30; }));  // URG
  CHECK(apart([](Spec& s) { s.flags = 0x50; }));  // ECE
  CHECK(apart([](Spec& s) { s.flags = 0x90; }));  // CWR
  CHECK(apart([](Spec& s) { s.flags = 0x00; }));
  CHECK(apart([](Spec& s) { s.tcp_options[11] = 3; }));
  CHECK(apart([](Spec& s) { s.tcp_options.clear(); }));
  const auto both = [&](std::uint8_t flags) {
    return writes_after(whole, [&](Spec& first, Spec& second) { first.flags = second.flags = flags; });
  };
  CHECK(both(0x50) == 1);  // ECE on both
  for (const int flags : {0x00, 0x12, 0x14, 0x30, 0x90, 0xd0}) CHECK(both(static_cast<std::uint8_t>(flags)) == 2);
}

TEST_CASE("a first packet without TCP options and a second one with them stay apart") {
  const Spec whole = spec_of(4, 6, 200);
  CHECK(writes_after(whole, [](Spec&, Spec& second) { second.tcp_options = {1, 1, 1, 1}; }) == 2);
}

TEST_CASE("flows that mirror each other, or differ in the protocol alone, stay apart") {
  for (const int version : {4, 6}) {
    Spec whole = spec_of(version, 17, 200);
    const auto mirrored = [](Spec& first, Spec& second) {
      first.source = second.target = 3;
      first.target = second.source = 4;
    };
    CHECK(writes_after(whole, mirrored) == 2);
    whole.protocol = 6;
    CHECK(writes_after(whole, mirrored) == 2);
    CHECK(writes_after(whole, [](Spec& first, Spec&) { first.protocol = 17; }) == 2);
  }
}

TEST_CASE("two packets with IP options or padding stay apart, even if the rest looks right") {
  const auto finish = [](Octets& packet) {  // the checksum of a header of 20 octets
    packet[10] = packet[11] = 0;
    const auto sum = static_cast<std::uint16_t>(~plain::sum(packet, 0, 20));
    packet[10] = static_cast<std::uint8_t>(sum >> 8);
    packet[11] = static_cast<std::uint8_t>(sum);
  };
  for (const int protocol : {6, 17}) {
    auto packets = plain::split(spec_of(4, protocol, 200), 100);
    for (auto& packet : packets) {
      packet[0] = 0x47;
      finish(packet);
    }
    Joined with_options;
    for (const auto& packet : packets) with_options.coalescer.add(packet);
    CHECK(with_options.coalescer.flush().written == 2);
    CHECK(with_options.queue.writes.size() == 2);

    for (auto& packet : packets) {
      packet[0] = 0x45;
      --packet[3];
      finish(packet);
    }
    Joined padded;
    for (const auto& packet : packets) padded.coalescer.add(packet);
    CHECK(padded.coalescer.flush().written == 2);
    CHECK(padded.queue.writes.size() == 2);
  }
}

TEST_CASE("IPv4 identifications rise by one, or with DF stay; both at once is neither") {
  Spec spec = spec_of(4, 17, 100);
  const auto writes = [&](std::uint16_t fragment, std::vector<std::uint16_t> ids) {
    spec.fragment = fragment;
    Joined joined;
    std::vector<Octets> packets;
    for (const std::uint16_t id : ids) {
      spec.id = id;
      packets.push_back(plain::build(spec));
    }
    for (const auto& packet : packets) joined.coalescer.add(packet);
    CHECK(joined.coalescer.flush().written == ids.size());
    return joined.queue.writes.size();
  };
  CHECK(writes(0x4000, {0, 0, 0}) == 1);
  CHECK(writes(0x4000, {0xfffe, 0xffff, 0}) == 1);
  CHECK(writes(0x4000, {4, 5, 5}) == 2);
  CHECK(writes(0x4000, {4, 5, 4}) == 2);
  CHECK(writes(0x4000, {4, 4, 6}) == 2);
  CHECK(writes(0x4000, {4, 4, 5}) == 2);
  CHECK(writes(0, {0xfffe, 0xffff, 0}) == 1);
  CHECK(writes(0, {7, 7}) == 2);
}

TEST_CASE("a damaged packet never hides in a super-packet, and reaches the kernel as it came") {
  for (const int version : {4, 6}) {
    for (const int protocol : {6, 17}) {
      const auto packets = plain::split(spec_of(version, protocol, 300), 100);
      for (std::size_t victim = 0; victim < 3; ++victim) {
        // Of the fields that the others share nothing may differ: the damage is in payload or checksum.
        const std::size_t transport = version == 4 ? 20 : 40;
        const std::size_t checksum = transport + (protocol == 17 ? 6 : 16);
        for (const std::size_t at : {packets[0].size() - 1, checksum, std::size_t{10}}) {
          if (at == 10 && version == 6) continue;  // no header checksum
          auto damaged = packets;
          damaged[victim][at] ^= 0x10;
          Joined joined;
          for (const auto& packet : damaged) joined.coalescer.add(packet);
          CHECK(joined.coalescer.flush().written == 3);
          CHECK(packets_in(joined.queue) == damaged);
          CHECK(joined.super_packets() == (victim == 1 ? 0 : 1));
        }
      }
    }
  }
}

TEST_CASE("PSH and FIN end a group and stand in its header") {
  for (const std::uint8_t flags : Octets{0x18, 0x11, 0x19}) {
    Spec spec = spec_of(4, 6, 400);
    auto packets = plain::split(spec, 100);
    Spec third = spec;
    third.flags = flags;
    third.seq += 200;
    third.id = 2;
    third.payload.assign(spec.payload.begin() + 200, spec.payload.begin() + 300);
    packets[2] = plain::build(third);
    Joined joined;
    for (const auto& packet : packets) joined.coalescer.add(packet);
    CHECK(joined.queue.writes.size() == 1);  // at once
    CHECK(joined.coalescer.flush().written == 4);
    REQUIRE(joined.queue.writes.size() == 2);
    CHECK(joined.queue.writes[0].packet[33] == flags);
    CHECK(packets_in(joined.queue) == packets);
  }
}

TEST_CASE("a shorter packet ends the group") {
  for (const int protocol : {6, 17}) {
    const Spec spec = spec_of(4, protocol, 250);
    auto packets = plain::split(spec, 100);
    Joined joined;
    for (const auto& packet : packets) joined.coalescer.add(packet);
    CHECK(joined.queue.writes.size() == 1);
    Spec next = spec;
    next.seq += 250;
    next.id = 3;
    next.payload.resize(50);
    packets.push_back(plain::build(next));
    joined.coalescer.add(packets.back());
    CHECK(joined.coalescer.flush().written == 4);
    CHECK(joined.queue.writes.size() == 2);
    CHECK(packets_in(joined.queue) == packets);
  }
}

TEST_CASE("a group stops at 64 packets, and below 65536 octets") {
  for (const int version : {4, 6}) {
    for (const int protocol : {6, 17}) {
      const auto small = plain::split(spec_of(version, protocol, 150 * 20), 20);
      Joined many;
      for (const auto& packet : small) many.coalescer.add(packet);
      CHECK(many.coalescer.flush().written == 150);
      CHECK(many.queue.writes.size() == 3);
      CHECK(packets_in(many.queue) == small);

      std::vector<Octets> large;
      Spec spec = spec_of(version, protocol, 16000);
      for (std::size_t i = 0; i < 5; ++i) {
        large.push_back(plain::build(spec));
        spec.seq += 16000;
        ++spec.id;
      }
      Joined few;
      for (const auto& packet : large) few.coalescer.add(packet);
      CHECK(few.coalescer.flush().written == 5);
      CHECK(few.queue.writes.size() == 2);
      CHECK(packets_in(few.queue) == large);
    }
  }
}

TEST_CASE("a UDP packet without checksum, and an empty one, stay alone") {
  const auto packets = plain::split(spec_of(4, 17, 300), 100);
  auto bare = packets;
  for (auto& packet : bare) packet[26] = packet[27] = 0;
  Joined joined;
  for (const auto& packet : bare) joined.coalescer.add(packet);
  CHECK(joined.coalescer.flush().written == 3);
  REQUIRE(joined.queue.writes.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(joined.queue.writes[i].packet == bare[i]);

  // A sum that is right with zero in the field does not make it a checksum.
  Spec spec = spec_of(4, 17, 2);
  for (unsigned value = 0; value < 0x10000; ++value) {
    spec.payload = {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
    Octets packet = plain::build(spec);
    if (packet[26] != 0xff || packet[27] != 0xff) continue;
    CHECK(writes_for(packet, packet) == 1);
    packet[26] = packet[27] = 0;
    Joined zero;
    zero.coalescer.add(packet);
    zero.coalescer.add(packet);
    CHECK(zero.queue.writes.size() == 2);
  }

  const Octets empty = plain::build(spec_of(4, 17, 0));
  CHECK(writes_for(empty, empty) == 2);
}

TEST_CASE("what may not join waits for its flow's group, and nothing else does") {
  const Spec spec = spec_of(4, 6, 200);
  const auto data = plain::split(spec, 100);
  Spec ack = spec;
  ack.payload.clear();
  ack.seq += 200;
  const Octets bare_ack = plain::build(ack);
  Spec other = spec;
  other.source_port = 9;
  const Octets foreign = plain::build(other);
  ack.source_port = 9;
  ack.target = 2;
  const Octets foreign_ack = plain::build(ack);

  Joined joined;
  joined.coalescer.add(data[0]);
  joined.coalescer.add(foreign);
  joined.coalescer.add(foreign_ack);
  CHECK(joined.queue.writes.size() == 1);
  joined.coalescer.add(data[1]);
  joined.coalescer.add(bare_ack);
  CHECK(joined.queue.writes.size() == 3);
  CHECK(joined.coalescer.flush().written == 5);
  CHECK(packets_in(joined.queue) == std::vector<Octets>{foreign_ack, data[0], data[1], bare_ack, foreign});
}

TEST_CASE("a packet that shows no flow, such as a fragment, waits for all groups between its addresses") {
  for (const int version : {4, 6}) {
    Spec spec = spec_of(version, 17, 100);
    const Octets first = plain::build(spec);
    spec.source_port = 5;
    const Octets second = plain::build(spec);
    spec.target = 2;
    const Octets elsewhere = plain::build(spec);
    spec.target = 1;
    spec.fragment = 0x2001;
    spec.first_extension = 44;
    spec.extensions = {17, 0, 0, 1, 0, 0, 0, 1};
    const Octets fragment = plain::build(spec);
    Joined joined;
    joined.coalescer.add(elsewhere);
    joined.coalescer.add(first);
    joined.coalescer.add(second);
    joined.coalescer.add(fragment);
    CHECK(joined.queue.writes.size() == 3);
    CHECK(joined.coalescer.flush().written == 4);
    std::vector<Octets> written;
    for (const auto& write : joined.queue.writes) written.push_back(write.packet);
    CHECK(written == std::vector<Octets>{first, second, fragment, elsewhere});
  }
}

TEST_CASE("lengths that do not fit keep a packet alone") {
  const Octets good = plain::build(spec_of(4, 17, 100));
  Octets padded = good;
  padded.push_back(0);
  Octets udp_short = good;
  udp_short[25] = 50;
  Octets no_ports(good.begin(), good.begin() + 24);
  no_ports[3] = 24;
  Octets tcp = plain::build(spec_of(4, 6, 100));
  Octets tcp_header_long = tcp, tcp_header_short = tcp;
  tcp_header_long[32] = 0xf0;
  tcp_header_long.resize(60);
  tcp_header_long[3] = 60;
  tcp_header_short[32] = 0x40;
  for (std::uint8_t size = 20; size < 40; ++size) {
    const auto part = std::make_unique<std::uint8_t[]>(size);  // for ASan
    std::copy_n(tcp.begin(), size, part.get());
    part[3] = size;
    Joined joined;
    joined.coalescer.add({part.get(), size});
    CHECK(joined.queue.writes.size() == 1);
  }
  for (const Octets& odd : {padded, udp_short, no_ports, tcp_header_long, tcp_header_short, Octets{}, Octets{0x45}}) {
    Joined joined;
    joined.coalescer.add(odd);
    CHECK(joined.queue.writes.size() == 1);
    joined.coalescer.add(odd);
    CHECK(joined.queue.writes.size() == 2);
    CHECK(joined.coalescer.flush().written == 2);
  }
}

TEST_CASE("more flows than the table holds close a group early and lose nothing") {
  std::vector<Octets> packets;
  for (int round = 0; round < 3; ++round) {
    for (std::uint16_t flow = 0; flow < 40; ++flow) {
      Spec spec = spec_of(6, 6, 100);
      spec.source_port = flow;
      spec.seq += static_cast<std::uint32_t>(round) * 100;
      packets.push_back(plain::build(spec));
    }
  }
  Joined joined;
  for (const auto& packet : packets) joined.coalescer.add(packet);
  CHECK(joined.coalescer.flush().written == 120);
  CHECK(joined.coalescer.counters().evictions == 104);  // all but the 16 that stay
  auto written = packets_in(joined.queue);
  std::ranges::sort(written);
  std::ranges::sort(packets);
  CHECK(written == packets);
}

TEST_CASE("what coalesces follows from what the queue was granted") {
  CHECK(culvert::io::coalesce_options(TunOffload::none).tcp == Coalescing::off);
  CHECK(culvert::io::coalesce_options(TunOffload::header).tcp == Coalescing::off);
  CHECK(culvert::io::coalesce_options(TunOffload::tcp).tcp == Coalescing::on);
  CHECK(culvert::io::coalesce_options(TunOffload::tcp).udp == Coalescing::off);
  CHECK(culvert::io::coalesce_options(TunOffload::udp).udp == Coalescing::on);

  const auto tcp = plain::split(spec_of(4, 6, 300), 100), udp = plain::split(spec_of(4, 17, 300), 100);
  RecordingQueue queue;
  Coalescer coalescer(queue, culvert::io::coalesce_options(TunOffload::tcp));
  for (std::size_t i = 0; i < 3; ++i) {
    coalescer.add(tcp[i]);
    coalescer.add(udp[i]);
  }
  CHECK(queue.writes.size() == 3);
  CHECK(coalescer.flush().written == 6);
  CHECK(queue.writes.size() == 4);
}

TEST_CASE("a kernel that refuses a super-packet gets its packets one by one, and never that kind again") {
  for (const int protocol : {6, 17}) {
    const auto packets = plain::split(spec_of(4, protocol, 500), 100);
    Joined joined;
    joined.queue.refuse = [](const VnetHeader& header) { return header.gso_type == 0 ? 0 : 22; };
    for (const auto& packet : packets) joined.coalescer.add(packet);
    const auto outcome = joined.coalescer.flush();
    CHECK(outcome.written == 5);
    CHECK(outcome.lost == 0);
    REQUIRE(outcome.switched_off.has_value());
    CHECK(outcome.switched_off->transport == (protocol == 6 ? Transport::tcp : Transport::udp));
    CHECK(outcome.switched_off->error == 22);
    CHECK(packets_in(joined.queue) == packets);
    CHECK(joined.coalescer.counters().fallbacks == 1);
    CHECK(joined.coalescer.options().tcp == (protocol == 6 ? Coalescing::off : Coalescing::on));
    CHECK(joined.coalescer.options().udp == (protocol == 17 ? Coalescing::off : Coalescing::on));

    joined.queue.attempts = 0;
    for (const auto& packet : packets) joined.coalescer.add(packet);
    const auto second = joined.coalescer.flush();
    CHECK(second.written == 5);
    CHECK_FALSE(second.switched_off.has_value());
    CHECK(joined.queue.attempts == 5);
  }
}

TEST_CASE("groups that are open when their kind is switched off go in as packets") {
  std::vector<Octets> packets;
  for (std::uint16_t port : {std::uint16_t{1}, std::uint16_t{2}}) {
    Spec spec = spec_of(4, 6, 300);
    spec.source_port = port;
    for (const auto& packet : plain::split(spec, 100)) packets.push_back(packet);
  }
  Joined joined;
  joined.queue.refuse = [](const VnetHeader& header) { return header.gso_type == 0 ? 0 : 22; };
  for (const auto& packet : packets) joined.coalescer.add(packet);
  CHECK(joined.coalescer.flush().written == 6);
  CHECK(joined.queue.attempts == 7);
  CHECK(packets_in(joined.queue) == packets);
}

TEST_CASE("a refusal of the packets themselves is not the offload's fault") {
  const auto packets = plain::split(spec_of(4, 6, 300), 100);
  Joined joined;
  joined.queue.refuse = [](const VnetHeader&) { return 22; };
  for (const auto& packet : packets) joined.coalescer.add(packet);
  const auto outcome = joined.coalescer.flush();
  CHECK(outcome.written == 0);
  CHECK(outcome.lost == 3);
  CHECK(outcome.fault.error == 22);
  CHECK_FALSE(outcome.switched_off.has_value());
  CHECK(joined.coalescer.options().tcp == Coalescing::on);
}

TEST_CASE("other errors lose the packets, say so, and are over with the flush") {
  for (const int error : {5, 11, 105}) {  // EIO, EAGAIN, ENOBUFS
    const auto packets = plain::split(spec_of(4, 17, 300), 100);
    Joined joined;
    joined.queue.refuse = [error](const VnetHeader&) { return error; };
    for (const auto& packet : packets) joined.coalescer.add(packet);
    const auto outcome = joined.coalescer.flush();
    CHECK(outcome.lost == 3);
    CHECK(outcome.fault.error == error);
    CHECK(joined.queue.attempts == 1);
    joined.queue.refuse = [](const VnetHeader&) { return 0; };
    for (const auto& packet : packets) joined.coalescer.add(packet);
    const auto next = joined.coalescer.flush();
    CHECK(next.lost == 0);
    CHECK(next.written == 3);
    CHECK(joined.queue.writes.size() == 1);
  }
}

TEST_CASE("joined and cut again, random flows are the same octets in the same order") {
  std::mt19937_64 random(44);
  std::size_t joined_packets = 0;
  for (int batch = 0; batch < 400; ++batch) {
    std::map<int, Spec> flows;
    std::vector<Octets> packets;
    std::map<Octets, std::vector<Octets>> in, out;  // by addresses, protocol and ports
    const auto key = [](const Octets& packet) {
      const std::ptrdiff_t from = packet[0] >> 4 == 4 ? 12 : 8, to = packet[0] >> 4 == 4 ? 24 : 44;
      Octets result(packet.begin() + from, packet.begin() + to);
      result.push_back(packet[0] >> 4 == 4 ? packet[9] : packet[6]);
      return result;
    };
    const std::size_t variety = 1 + plain::below(random, 24);
    for (std::size_t i = plain::below(random, 300); i > 0; --i) {
      const int flow = static_cast<int>(plain::below(random, variety));
      auto [at, fresh] = flows.try_emplace(flow);
      Spec& spec = at->second;
      if (fresh) {
        spec.version = random() % 2 ? 4 : 6;
        spec.protocol = random() % 2 ? 6 : 17;
        spec.source_port = static_cast<std::uint16_t>(flow);
        spec.seq = static_cast<std::uint32_t>(random());
        spec.fragment = random() % 2 ? 0x4000 : 0;
        spec.tcp_options = Octets(plain::below(random, 3) * 4, 1);
      }
      spec.payload = plain::random_octets(random, random() % 8 ? 100 : plain::below(random, 130));
      spec.flags = random() % 16 ? 0x10 : static_cast<std::uint8_t>(random());
      if (random() % 32 == 0) spec.ttl = static_cast<std::uint8_t>(random() | 1);
      if (random() % 32 == 0) spec.tos = static_cast<std::uint8_t>(random());
      if (random() % 32 == 0) spec.seq += 1;
      packets.push_back(plain::build(spec));
      if (random() % 32 == 0) packets.back()[plain::below(random, packets.back().size())] ^= 1;
      spec.seq += static_cast<std::uint32_t>(spec.payload.size());
      if (random() % 32) ++spec.id;
    }
    Joined joined;
    for (const auto& packet : packets) {
      joined.coalescer.add(packet);
      in[key(packet)].push_back(plain::without_idle_id(packet));
    }
    CHECK(joined.coalescer.flush().written == packets.size());
    joined_packets += static_cast<std::size_t>(joined.coalescer.counters().joined_packets.load());
    for (const auto& write : joined.queue.writes) {
      if (write.header.gso_type == 0) {
        out[key(write.packet)].push_back(plain::without_idle_id(write.packet));
        continue;
      }
      const auto planned = culvert::io::plan(write.header, write.packet);
      REQUIRE(planned.has_value());
      for (std::size_t i = 0; i < planned->count; ++i) {
        Octets packet(planned->size(i));
        REQUIRE(culvert::io::write_segment(*planned, i, packet) == packet.size());
        out[key(packet)].push_back(plain::without_idle_id(packet));
      }
    }
    REQUIRE(in == out);
  }
  CHECK(joined_packets > 10000);
}
