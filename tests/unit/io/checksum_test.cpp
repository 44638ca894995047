// SPDX-License-Identifier: MIT
#include "checksum.hpp"

#include <doctest/doctest.h>

#include "plain_packets.hpp"

namespace {

using culvert::Bytes;
using culvert::Octets;
using culvert::io::ChecksumSum;

std::uint16_t number(Octets<2> field) { return static_cast<std::uint16_t>(field[0] * 256 + field[1]); }

}  // namespace

TEST_CASE("the worked example of RFC 1071 sums to ddf2") {
  const Octets<8> octets = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  ChecksumSum sum;
  sum.add(octets);
  CHECK(number(sum.partial()) == 0xddf2);
  CHECK(number(sum.checksum()) == 0x220d);
}

TEST_CASE("an IPv4 header with its checksum is valid, and not after any bit of it is flipped") {
  Octets<20> header = {0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0xb8,
                       0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};  // a header in daily use as an example
  const auto valid = [&] {
    ChecksumSum sum;
    sum.add(header);
    return sum.is_valid();
  };
  CHECK(valid());
  for (std::size_t bit = 0; bit < 160; ++bit) {
    const auto mask = static_cast<std::uint8_t>(1u << bit % 8);
    header[bit / 8] ^= mask;
    CHECK_FALSE(valid());
    header[bit / 8] ^= mask;
  }
}

TEST_CASE("sums of every length and alignment agree with two octets at a time") {
  std::mt19937_64 random(1071);
  const auto octets = plain::random_octets(random, 400);
  for (std::size_t from = 0; from < 16; ++from) {
    for (std::size_t count = 0; count < 300; ++count) {
      ChecksumSum sum;
      sum.add(Bytes(octets).subspan(from, count));
      REQUIRE(number(sum.partial()) == plain::sum(octets, from, count));
    }
  }
}

TEST_CASE("octets of all ones carry around at every level") {
  const plain::Octets ones(200'001, 0xff);  // longer than any packet
  for (const std::size_t count : {2u, 8u, 32u, 64u, 127u, 128u, 1400u, 65534u, 65535u, 65536u, 131200u, 200001u}) {
    ChecksumSum sum;
    sum.add(Bytes(ones).first(count));
    CHECK(number(sum.partial()) == plain::sum(ones, 0, count));
  }
}

TEST_CASE("nothing but zeros sums to zero, however long, and a single bit anywhere to that bit") {
  plain::Octets octets(70'000, 0);
  const auto summed = [&] {
    ChecksumSum sum;
    sum.add(octets);
    return number(sum.partial());
  };
  CHECK(summed() == 0);
  for (std::size_t at = 0; at < octets.size(); at += 997) {
    octets[at] = 0x80;
    REQUIRE(summed() == (at % 2 == 0 ? 0x8000 : 0x0080));
    octets[at] = 0;
  }
}

TEST_CASE("a sum of parts and numbers is the sum of the whole") {
  std::mt19937_64 random(2);
  for (int round = 0; round < 2000; ++round) {
    const std::size_t split = plain::below(random, 100) * 2;
    const auto tail = plain::below(random, 100);
    auto octets = plain::random_octets(random, split + 4 + tail);
    ChecksumSum sum;
    sum.add(Bytes(octets).subspan(split + 4));
    sum.add_number(static_cast<std::uint32_t>(octets[split]) << 24 |
                   static_cast<std::uint32_t>(octets[split + 1]) << 16 |
                   static_cast<std::uint32_t>(octets[split + 2]) << 8 | octets[split + 3]);
    sum.add(Bytes(octets).first(split));
    REQUIRE(number(sum.partial()) == plain::sum(octets, 0, octets.size()));
  }
}

TEST_CASE("the pseudo header leads to the checksum that was worked out by hand") {
  // UDP from 127.0.0.1 port 1 to 127.0.0.2 port 2, "abcd":
  // 7f00+0001+7f00+0002+0011+000c+0001+0002+000c+6162+6364 = 1c2f5 -> c2f6 -> ~ = 3d09
  const Octets<8> addresses = {127, 0, 0, 1, 127, 0, 0, 2};
  const Octets<12> datagram = {0, 1, 0, 2, 0, 12, 0, 0, 'a', 'b', 'c', 'd'};
  ChecksumSum sum = culvert::io::pseudo_header(addresses, 17, 12);
  sum.add(datagram);
  CHECK(number(sum.checksum()) == 0x3d09);
}
