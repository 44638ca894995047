// SPDX-License-Identifier: MIT
// Offsets and lengths typed from the tables of the whitepaper, sections 5.4.2 to 5.4.7.
#include "messages.hpp"

#include <doctest/doctest.h>

#include <hex.hpp>
#include <vector>

using namespace culvert;
using namespace culvert::test;

namespace {

/// n octets that each tell where they are: 0, 1, 2, ...
std::vector<std::uint8_t> ramp(std::size_t n) {
  std::vector<std::uint8_t> octets(n);
  for (std::size_t i = 0; i < n; ++i) octets[i] = static_cast<std::uint8_t>(i);
  return octets;
}

template <class Field>
std::string hex_of(const Field& field) {
  Octets<sizeof(Field)> octets;
  std::memcpy(octets.data(), &field, sizeof field);
  return hex(octets);
}

std::string ramp_hex(std::size_t from, std::size_t octets) { return hex(Bytes(ramp(256)).subspan(from, octets)); }

}  // namespace

TEST_CASE("an initiation is 148 octets") {
  const auto m = wire::load<wire::Initiation>(ramp(148));
  CHECK(sizeof m == 148);
  CHECK(hex_of(m.type) == ramp_hex(0, 4));
  CHECK(hex_of(m.sender) == ramp_hex(4, 4));
  CHECK(hex_of(m.ephemeral) == ramp_hex(8, 32));
  CHECK(hex_of(m.static_key) == ramp_hex(40, 48));
  CHECK(hex_of(m.timestamp) == ramp_hex(88, 28));
  CHECK(hex_of(m.macs.mac1) == ramp_hex(116, 16));
  CHECK(hex_of(m.macs.mac2) == ramp_hex(132, 16));
  CHECK(hex(wire::before_mac1(m)) == ramp_hex(0, 116));
  CHECK(hex(wire::before_mac2(m)) == ramp_hex(0, 132));
}

TEST_CASE("a response is 92 octets") {
  const auto m = wire::load<wire::Response>(ramp(92));
  CHECK(sizeof m == 92);
  CHECK(hex_of(m.type) == ramp_hex(0, 4));
  CHECK(hex_of(m.sender) == ramp_hex(4, 4));
  CHECK(hex_of(m.receiver) == ramp_hex(8, 4));
  CHECK(hex_of(m.ephemeral) == ramp_hex(12, 32));
  CHECK(hex_of(m.empty) == ramp_hex(44, 16));
  CHECK(hex_of(m.macs.mac1) == ramp_hex(60, 16));
  CHECK(hex_of(m.macs.mac2) == ramp_hex(76, 16));
  CHECK(hex(wire::before_mac1(m)) == ramp_hex(0, 60));
  CHECK(hex(wire::before_mac2(m)) == ramp_hex(0, 76));
}

TEST_CASE("a cookie reply is 64 octets") {
  const auto m = wire::load<wire::CookieReply>(ramp(64));
  CHECK(sizeof m == 64);
  CHECK(hex_of(m.type) == ramp_hex(0, 4));
  CHECK(hex_of(m.receiver) == ramp_hex(4, 4));
  CHECK(hex_of(m.nonce) == ramp_hex(8, 24));
  CHECK(hex_of(m.cookie) == ramp_hex(32, 32));
}

TEST_CASE("a data header is 16 octets") {
  const auto m = wire::load<wire::DataHeader>(ramp(16));
  CHECK(sizeof m == 16);
  CHECK(hex_of(m.type) == ramp_hex(0, 4));
  CHECK(hex_of(m.receiver) == ramp_hex(4, 4));
  CHECK(hex_of(m.counter) == ramp_hex(8, 8));
  CHECK(wire::kDataOverhead == 32);
}

TEST_CASE("integers are little-endian") {
  const auto m = wire::load<wire::DataHeader>(ramp(16));
  CHECK(m.type == 0x03020100u);
  CHECK(m.receiver == 0x07060504u);
  CHECK(m.counter == 0x0f0e0d0c0b0a0908u);
  CHECK(hex_of(le32(0x01020304u)) == "04030201");
  CHECK(hex_of(le64(0x0102030405060708u)) == "0807060504030201");
}

TEST_CASE("a message made from nothing carries its type and zeros") {
  CHECK(hex(wire::octets(wire::Initiation{})) == "01000000" + std::string(2 * 144, '0'));
  CHECK(hex(wire::octets(wire::Response{})) == "02000000" + std::string(2 * 88, '0'));
  CHECK(hex(wire::octets(wire::CookieReply{})) == "03000000" + std::string(2 * 60, '0'));
  CHECK(hex(wire::octets(wire::DataHeader{})) == "04000000" + std::string(2 * 12, '0'));
}

TEST_CASE("what is loaded is stored again octet by octet, anywhere") {
  const std::vector<std::uint8_t> octets = ramp(148);
  std::vector<std::uint8_t> stored(150, 0xaa);
  wire::store(wire::load<wire::Initiation>(octets), MutBytes(stored).subspan(1));
  CHECK(hex(stored) == "aa" + hex(octets) + "aa");
}

TEST_CASE("a datagram is classified by its first word and its length alone") {
  // Expected, from the tables: 1 is 148 octets, 2 is 92, 3 is 64, and 4 is 32 or more.
  const auto expected = [](std::size_t length, unsigned type) -> unsigned {
    if (type == 1) return length == 148 ? 1 : 0;
    if (type == 2) return length == 92 ? 2 : 0;
    if (type == 3) return length == 64 ? 3 : 0;
    if (type == 4) return length >= 32 ? 4 : 0;
    return 0;
  };
  // The three reserved octets: all zero, then one bit set in each place.
  std::vector<std::uint32_t> reserved{0};
  for (int bit = 8; bit < 32; ++bit) reserved.push_back(std::uint32_t{1} << bit);

  std::size_t wrong = 0;
  for (std::size_t length = 0; length <= 2000; ++length) {
    // Of exactly this length, so that a sanitizer sees a read beyond it.
    std::vector<std::uint8_t> datagram(length, 0x77);
    for (unsigned type = 0; type < 256; ++type)
      for (const std::uint32_t bits : reserved) {
        const std::uint32_t word = type | bits;
        for (std::size_t i = 0; i < std::min<std::size_t>(4, length); ++i)
          datagram[i] = static_cast<std::uint8_t>(word >> (8 * i));
        const std::optional<wire::Type> got = wire::classify(datagram);
        const unsigned want = bits == 0 ? expected(length, type) : 0;
        if ((got ? static_cast<unsigned>(*got) : 0) != want) ++wrong;
      }
  }
  CHECK(wrong == 0);
}

TEST_CASE("the smallest data message is a keepalive of 32 octets") {
  std::vector<std::uint8_t> datagram(32);
  datagram[0] = 4;
  CHECK(wire::classify(datagram) == wire::Type::data);
  datagram.pop_back();
  CHECK_FALSE(wire::classify(datagram));
}
