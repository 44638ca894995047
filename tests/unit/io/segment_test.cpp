// SPDX-License-Identifier: MIT
#include "segment.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <memory>

#include "plain_packets.hpp"

namespace {

using culvert::Bytes;
using culvert::Drop;
using culvert::MutBytes;
using culvert::io::plan;
using culvert::io::SegmentPlan;
using culvert::io::VnetHeader;
using culvert::io::write_segment;
using plain::Octets;
using plain::Spec;
using Only = std::vector<Octets>;

// [K include/uapi/linux/virtio_net.h]
constexpr std::uint8_t kNeedsChecksum = 1, kTcp4 = 1, kUfo = 3, kTcp6 = 4, kUdp = 5, kEcn = 0x80;

VnetHeader header_for(const Spec& spec, std::size_t gso_size) {
  VnetHeader header;
  header.flags = kNeedsChecksum;
  header.gso_type = spec.protocol == 17 ? kUdp : spec.version == 4 ? kTcp4 : kTcp6;
  header.hdr_len = static_cast<std::uint16_t>(plain::header_octets(spec));
  header.gso_size = static_cast<std::uint16_t>(gso_size);
  header.csum_start = static_cast<std::uint16_t>(plain::ip_octets(spec));
  header.csum_offset = spec.protocol == 17 ? 6 : 16;
  return header;
}

/// Each packet goes to a buffer of exactly its size, so that ASan sees one octet too much.
std::vector<Octets> cut(const SegmentPlan& planned) {
  std::vector<Octets> packets;
  for (std::size_t i = 0; i < planned.count; ++i) {
    Octets out(planned.size(i));
    REQUIRE(write_segment(planned, i, out) == out.size());
    packets.push_back(std::move(out));
  }
  return packets;
}

std::vector<Octets> cut(const VnetHeader& header, const Octets& packet) {
  const auto planned = plan(header, packet);
  REQUIRE(planned.has_value());
  return cut(*planned);
}

bool dropped_as(Drop drop, const VnetHeader& header, const Octets& packet) {
  const auto planned = plan(header, packet);
  return !planned && planned.error() == drop;
}

Spec tcp_spec(std::size_t payload) {
  std::mt19937_64 random(payload);
  return {.id = 7,
          .seq = 0xfffffff0,
          .flags = 0x19,
          .tcp_options = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2},
          .payload = plain::random_octets(random, payload)};
}
Spec udp_spec(std::size_t payload) {
  std::mt19937_64 random(payload);
  return {.protocol = 17, .payload = plain::random_octets(random, payload)};
}

Spec random_spec(std::mt19937_64& random) {
  Spec spec;
  spec.version = random() % 2 ? 4 : 6;
  spec.protocol = random() % 2 ? 6 : 17;
  spec.source_port = static_cast<std::uint16_t>(random());
  spec.target_port = static_cast<std::uint16_t>(random());
  spec.tos = static_cast<std::uint8_t>(random());
  spec.ttl = static_cast<std::uint8_t>(random() | 1);
  spec.flow_label = random() & 0xfffff;
  spec.id = static_cast<std::uint16_t>(random());
  spec.fragment = random() % 2 ? 0x4000 : 0;
  spec.ip_options = Octets(plain::below(random, 11) * 4, 1);
  if (random() % 4 == 0) {
    spec.first_extension = random() % 2 ? 0 : 60;
    spec.extensions = Octets(8 + plain::below(random, 3) * 8, 0);
    spec.extensions[0] = static_cast<std::uint8_t>(spec.protocol);
    spec.extensions[1] = static_cast<std::uint8_t>(spec.extensions.size() / 8 - 1);
  }
  spec.seq = static_cast<std::uint32_t>(random());
  spec.ack = static_cast<std::uint32_t>(random());
  spec.flags = static_cast<std::uint8_t>(0x10 | (random() & 0xc9));
  spec.reserved = random() & 1;
  spec.window = static_cast<std::uint16_t>(random());
  spec.tcp_options = Octets(plain::below(random, 11) * 4, 1);
  spec.payload = plain::random_octets(random, plain::below(random, random() % 8 ? 6000 : 65000));
  const std::size_t most = 65535 - plain::header_octets(spec);
  if (spec.payload.size() > most) spec.payload.resize(most);
  return spec;
}

}  // namespace

TEST_CASE("a plain packet passes as it is") {
  const Octets packet = plain::build(udp_spec(33));
  CHECK(cut(VnetHeader{}, packet) == Only{packet});
}

TEST_CASE("a plain packet whose checksum was left to us is finished") {
  for (const Spec& spec : {tcp_spec(101), udp_spec(100)}) {
    VnetHeader header = header_for(spec, 0);
    header.gso_type = 0;
    CHECK(cut(header, plain::build_partial(spec)) == Only{plain::build(spec)});
  }
}

TEST_CASE("a finished UDP checksum of zero is written as all ones, whole or cut") {
  Spec spec = udp_spec(2);
  for (unsigned value = 0; value < 0x10000; ++value) {
    spec.payload = {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
    const Octets expected = plain::build(spec);
    if (expected[26] != 0xff || expected[27] != 0xff) continue;
    VnetHeader header = header_for(spec, 2);
    CHECK(cut(header, plain::build_partial(spec)) == Only{expected});
    header.gso_type = 0;
    CHECK(cut(header, plain::build_partial(spec)) == Only{expected});
    return;
  }
  FAIL("no payload sums to zero");
}

TEST_CASE("a TCP super-packet is cut: sequence, identification, flags and both checksums follow") {
  const Spec spec = tcp_spec(3000);
  const auto packets = cut(header_for(spec, 1400), plain::build_partial(spec));
  CHECK(packets == plain::split(spec, 1400));
  REQUIRE(packets.size() == 3);
  CHECK(packets[0].size() == 1452);
  CHECK(packets[2].size() == 252);
  CHECK(packets[0][33] == 0x10);  // PSH and FIN only on the last
  CHECK(packets[1][33] == 0x10);
  CHECK(packets[2][33] == 0x19);
}

TEST_CASE("only the first packet of a super-packet says CWR") {
  for (const int version : {4, 6}) {
    Spec spec = tcp_spec(3000);
    spec.version = version;
    spec.flags = 0x90;
    VnetHeader header = header_for(spec, 1000);
    for (const std::uint8_t ecn : {std::uint8_t{0}, kEcn}) {
      header.gso_type = (version == 4 ? kTcp4 : kTcp6) | ecn;
      const auto packets = cut(header, plain::build_partial(spec));
      REQUIRE(packets.size() == 3);
      const std::size_t flags = plain::ip_octets(spec) + 13;
      CHECK(packets[0][flags] == 0x90);
      CHECK(packets[1][flags] == 0x10);
      CHECK(packets[2][flags] == 0x10);
    }
  }
}

TEST_CASE("64 KiB in small pieces make more packets than a train holds, each of which can be written by itself") {
  const Spec spec = udp_spec(65000);
  const Octets super = plain::build_partial(spec);
  const auto planned = plan(header_for(spec, 100), super);
  REQUIRE(planned.has_value());
  CHECK(planned->count == 650);
  CHECK(planned->largest() == 128);
  const auto expected = plain::split(spec, 100);
  for (const std::size_t i : {649u, 64u, 63u, 0u, 649u}) {
    Octets out(128);
    CHECK(write_segment(*planned, i, out) == 128);
    CHECK(out == expected[i]);
  }
}

TEST_CASE("random super-packets fall into what a simple reference makes of them") {
  std::mt19937_64 random(20);
  for (int round = 0; round < 1500; ++round) {
    const Spec spec = random_spec(random);
    const std::size_t size = 1 + plain::below(random, random() % 8 ? 1500 : 65535);
    CAPTURE(round);
    VnetHeader header = header_for(spec, size);
    if (random() % 4 == 0) header.hdr_len = static_cast<std::uint16_t>(random());
    Octets super = plain::build_partial(spec);
    if (random() % 4 == 0) {  // a sender that finished the checksum itself
      super = plain::build(spec);
      header.flags = 0;
    }
    REQUIRE(cut(header, super) == plain::split(spec, size));
  }
}

TEST_CASE("behind an IPv6 routing header the kernel's own pseudo header counts") {
  // The sender summed the final destination, which is not the one in the IP header: here fd99::1 against fd99::2.
  Spec spec = tcp_spec(300);
  spec.version = 6;
  spec.first_extension = 43;
  spec.extensions = {6, 0, 0, 0, 0, 0, 0, 0};
  Octets super = plain::build_partial(spec);
  super[39] = 2;
  auto packets = cut(header_for(spec, 100), super);
  const auto expected = plain::split(spec, 100);
  REQUIRE(packets.size() == expected.size());
  for (std::size_t i = 0; i < packets.size(); ++i) {
    CHECK(packets[i][39] == 2);
    packets[i][39] = 1;
    CHECK(packets[i] == expected[i]);
  }
  VnetHeader finished = header_for(spec, 100);
  finished.flags = 0;
  CHECK(dropped_as(Drop::inner_malformed, finished, super));
}

TEST_CASE("what is no IP packet, or shorter than it states, is not cut") {
  const Octets packet = plain::build(tcp_spec(50));
  CHECK(dropped_as(Drop::not_ip, VnetHeader{}, {}));
  CHECK(dropped_as(Drop::not_ip, VnetHeader{}, {0x45}));
  CHECK(dropped_as(Drop::not_ip, VnetHeader{}, Octets(40, 0)));
  CHECK(dropped_as(Drop::not_ip, VnetHeader{}, Octets(packet.begin(), packet.end() - 1)));
}

TEST_CASE("a vnet header that contradicts its packet is refused") {
  const Spec spec = tcp_spec(3000);
  const Octets super = plain::build_partial(spec);
  const VnetHeader good = header_for(spec, 1000);
  REQUIRE(plan(good, super).has_value());
  const auto refused = [&](auto change) {
    VnetHeader bad = good;
    change(bad);
    return dropped_as(Drop::inner_malformed, bad, super);
  };
  CHECK(refused([](VnetHeader& h) { h.gso_size = 0; }));
  CHECK(refused([](VnetHeader& h) { h.csum_start = 21; }));
  CHECK(refused([](VnetHeader& h) { h.csum_start = 0xffff; }));
  CHECK(refused([](VnetHeader& h) { h.csum_offset = 6; }));
  CHECK(refused([](VnetHeader& h) { h.csum_offset = 0xffff; }));
  CHECK(refused([](VnetHeader& h) { h.gso_type = kTcp6; }));
  CHECK(refused([](VnetHeader& h) { h.gso_type = kUdp; }));
  CHECK(refused([](VnetHeader& h) { h.gso_type = kUfo; }));
  CHECK(refused([](VnetHeader& h) { h.gso_type = kEcn; }));
  CHECK(refused([](VnetHeader& h) { h.gso_type = 2; }));
  CHECK(refused([](VnetHeader& h) { h.gso_type = 0x7f; }));
  const Spec udp = udp_spec(3000);
  VnetHeader ecn = header_for(udp, 1000);
  ecn.gso_type |= kEcn;
  CHECK(dropped_as(Drop::inner_malformed, ecn, plain::build_partial(udp)));
}

TEST_CASE("a checksum to finish has to lie in the packet and behind the IP header") {
  const Spec spec = udp_spec(30);
  const Octets packet = plain::build_partial(spec);
  VnetHeader header = header_for(spec, 0);
  header.gso_type = 0;
  const auto refused = [&](std::size_t start, std::size_t offset) {
    header.csum_start = static_cast<std::uint16_t>(start);
    header.csum_offset = static_cast<std::uint16_t>(offset);
    return dropped_as(Drop::inner_malformed, header, packet);
  };
  CHECK_FALSE(refused(20, packet.size() - 22));
  CHECK(refused(20, packet.size() - 21));
  CHECK(refused(19, 6));
  CHECK(refused(0, 0));
  CHECK(refused(packet.size(), 0));
  CHECK(refused(0xffff, 0xffff));
}

TEST_CASE("a super-packet whose headers do not fit is refused") {
  const auto refused = [](const VnetHeader& header, const Octets& packet) {
    return dropped_as(Drop::inner_malformed, header, packet);
  };
  Spec spec = tcp_spec(100);
  const VnetHeader header = header_for(spec, 10);
  Octets longer = plain::build_partial(spec);
  longer.push_back(0);
  CHECK(refused(header, longer));  // than the IP header states

  Octets offset = plain::build_partial(spec);
  offset[32] = 0x40;  // a TCP header of 16 octets
  CHECK(refused(header, offset));
  Spec bare = spec;
  bare.payload.clear();
  Octets beyond = plain::build_partial(bare);
  beyond[32] = 0x90;  // one of 36 in a segment of 32
  CHECK(refused(header, beyond));
  Octets fits = plain::build_partial(bare);
  CHECK(plan(header, fits).has_value());

  Spec fragment = spec;
  fragment.fragment = 0x2000;
  CHECK(refused(header, plain::build_partial(fragment)));
  fragment.fragment = 0x0001;
  CHECK(refused(header, plain::build_partial(fragment)));

  // IP headers with nothing, or too little, behind them.
  for (const Spec& whole : {tcp_spec(0), udp_spec(0)}) {
    for (const int version : {4, 6}) {
      Spec cut_short = whole;
      cut_short.version = version;
      const Octets full = plain::build_partial(cut_short);
      for (std::size_t size = plain::ip_octets(cut_short); size < full.size(); ++size) {
        Octets part(full.begin(), full.begin() + static_cast<std::ptrdiff_t>(size));
        if (version == 4) {
          part[2] = 0;
          part[3] = static_cast<std::uint8_t>(size);
        } else {
          part[4] = 0;
          part[5] = static_cast<std::uint8_t>(size - 40);
        }
        const auto exact = std::make_unique<std::uint8_t[]>(part.size());  // for ASan
        std::copy(part.begin(), part.end(), exact.get());
        const auto planned = plan(header_for(cut_short, 10), {exact.get(), part.size()});
        CHECK_FALSE(planned.has_value());
      }
    }
  }
}

TEST_CASE("IPv6 extension headers that run off the packet are refused") {
  Spec spec = tcp_spec(100);
  spec.version = 6;
  spec.first_extension = 0;
  spec.extensions = {6, 0, 1, 4, 0, 0, 0, 0};
  const VnetHeader header = header_for(spec, 10);
  Octets super = plain::build_partial(spec);
  REQUIRE(plan(header, super).has_value());
  Octets endless = super;
  endless[41] = 255;
  CHECK(dropped_as(Drop::inner_malformed, header, endless));
  Octets fragment = super;
  fragment[6] = 44;
  CHECK(dropped_as(Drop::inner_malformed, header, fragment));
  // Hop-by-hop headers of 8 octets to the very end, and one that claims more than there is.
  for (std::size_t size = 41; size < super.size(); ++size) {
    for (const std::uint8_t units : Octets{0, 255}) {
      const auto chain = std::make_unique<std::uint8_t[]>(size);  // for ASan
      std::copy_n(super.begin(), 40, chain.get());
      chain[5] = static_cast<std::uint8_t>(size - 40);
      for (std::size_t at = 41; at < size; at += 8) chain[at] = units;
      const auto planned = plan(header, {chain.get(), size});
      REQUIRE_FALSE(planned.has_value());
      CHECK(planned.error() == Drop::inner_malformed);
    }
  }
}

TEST_CASE("the IP version in the packet counts, whatever the vnet header says") {
  // An IPv6 packet that read as IPv4 has TCP behind 20 octets: byte 9 is 6, no fragment, five words of header.
  Octets six(80, 0);
  six[0] = 0x65;
  six[5] = 40;
  six[9] = 6;
  six[32] = 0x50;
  VnetHeader header{.gso_type = kTcp4, .gso_size = 10};
  CHECK(dropped_as(Drop::inner_malformed, header, six));
  // An IPv4 packet that read as IPv6 has TCP as its next header.
  Octets four(80, 0);
  four[0] = 0x45;
  four[3] = 80;
  four[6] = 6;
  four[52] = 0x50;
  header.gso_type = kTcp6;
  CHECK(dropped_as(Drop::inner_malformed, header, four));
}

TEST_CASE("a segment that does not exist or does not fit is not written") {
  const Spec spec = tcp_spec(3000);
  const Octets super = plain::build_partial(spec);
  const auto planned = plan(header_for(spec, 1400), super);
  REQUIRE(planned.has_value());
  Octets out(1452, 0xee);
  CHECK(write_segment(*planned, 3, out) == 0);
  CHECK(write_segment(*planned, static_cast<std::size_t>(-1), out) == 0);
  CHECK(write_segment(*planned, 0, MutBytes(out).first(1451)) == 0);
  CHECK(out == Octets(1452, 0xee));
  CHECK(write_segment(*planned, 0, out) == 1452);
}

TEST_CASE("100000 hostile vnet headers: all that is accepted comes out whole and sound") {
  std::mt19937_64 random(100000);
  std::size_t accepted = 0;
  for (int round = 0; round < 100000; ++round) {
    Spec spec;
    Octets packet;
    if (random() % 8 == 0) {
      packet = plain::random_octets(random, plain::below(random, 200));
      if (!packet.empty()) packet[0] = random() % 2 ? 0x45 : 0x60;
    } else {
      spec = random_spec(random);
      if (spec.payload.size() > 300) spec.payload.resize(300);
      packet = plain::build_partial(spec);
      for (std::size_t flips = plain::below(random, 3); flips > 0; --flips) {
        packet[plain::below(random, std::min<std::size_t>(packet.size(), 100))] = static_cast<std::uint8_t>(random());
      }
    }
    VnetHeader header = header_for(spec, 1 + plain::below(random, 400));
    const std::array<std::uint16_t*, 4> words = {&header.hdr_len, &header.gso_size, &header.csum_start,
                                                 &header.csum_offset};
    for (std::uint16_t* word : words) {
      if (random() % 4 == 0) *word = static_cast<std::uint16_t>(random() % 2 ? random() : random() % 128);
    }
    if (random() % 4 == 0) header.flags = static_cast<std::uint8_t>(random());
    if (random() % 4 == 0) header.gso_type = static_cast<std::uint8_t>(random() % 2 ? random() : random() % 8);

    const auto exact = std::make_unique<std::uint8_t[]>(packet.size());  // for ASan
    std::copy(packet.begin(), packet.end(), exact.get());
    const auto planned = plan(header, {exact.get(), packet.size()});
    if (!planned) continue;
    ++accepted;
    REQUIRE(planned->count >= 1);
    std::size_t payload = 0;
    for (std::size_t i = 0; i < planned->count; ++i) {
      Octets out(planned->size(i));
      REQUIRE(out.size() <= planned->largest());
      REQUIRE((i + 1 == planned->count || out.size() == planned->largest()));
      REQUIRE(write_segment(*planned, i, out) == out.size());
      payload += out.size() - planned->header_octets;
      const bool routed = out[0] >> 4 == 6 && (out[6] == 43 || out[40] == 43);
      if (planned->cut != SegmentPlan::Cut::whole && !routed) REQUIRE(plain::flaw(out) == "");
    }
    REQUIRE(payload == packet.size() - planned->header_octets);
  }
  CHECK(accepted > 10000);
  CHECK(accepted < 90000);
}
