// SPDX-License-Identifier: MIT
// Blocks are read again here as the format is written down, not with the code that wrote them.
#include "pcapng.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <map>
#include <vector>

using namespace culvert;
using namespace culvert::cli;

namespace {

template <class Integer>
Integer number_at(std::string_view octets, std::size_t at) {
  Integer value{};
  REQUIRE(at + sizeof value <= octets.size());
  std::memcpy(&value, octets.data() + at, sizeof value);
  return value;
}

struct Block {
  std::uint32_t type = 0;
  std::string_view body;
};

/// Checks that the length stands at both ends, and fits.
Block read_block(std::string_view octets) {
  REQUIRE(octets.size() >= 12);
  const auto length = number_at<std::uint32_t>(octets, 4);
  CHECK(length == octets.size());
  CHECK(length % 4 == 0);
  CHECK(number_at<std::uint32_t>(octets, octets.size() - 4) == length);
  return {number_at<std::uint32_t>(octets, 0), octets.substr(8, octets.size() - 12)};
}

std::map<std::uint16_t, std::string> read_options(std::string_view octets) {
  std::map<std::uint16_t, std::string> options;
  for (;;) {
    const auto code = number_at<std::uint16_t>(octets, 0);
    const auto length = number_at<std::uint16_t>(octets, 2);
    octets.remove_prefix(4);
    if (code == 0) {
      CHECK(length == 0);
      CHECK(octets.empty());
      return options;
    }
    REQUIRE(octets.size() >= length);
    options[code] = octets.substr(0, length);
    octets.remove_prefix((length + 3u) & ~3u);
  }
}

}  // namespace

TEST_CASE("a file begins with a section of this machine's order, and who wrote it") {
  const std::string octets = pcapng::section_header("culvert 9");
  const Block block = read_block(octets);
  CHECK(block.type == 0x0a0d0d0a);
  CHECK(number_at<std::uint32_t>(block.body, 0) == 0x1a2b3c4d);
  CHECK(number_at<std::uint16_t>(block.body, 4) == 1);
  CHECK(number_at<std::uint16_t>(block.body, 6) == 0);
  CHECK(number_at<std::int64_t>(block.body, 8) == -1);
  CHECK(read_options(block.body.substr(16)) == std::map<std::uint16_t, std::string>{{4, "culvert 9"}});
}

TEST_CASE("the interface is raw IP with nanoseconds, and has its name") {
  const std::string octets = pcapng::interface_description("wg0", "inside", 96);
  const Block block = read_block(octets);
  CHECK(block.type == 1);
  CHECK(number_at<std::uint16_t>(block.body, 0) == 101);
  CHECK(number_at<std::uint16_t>(block.body, 2) == 0);
  CHECK(number_at<std::uint32_t>(block.body, 4) == 96);
  CHECK(read_options(block.body.substr(8)) ==
        std::map<std::uint16_t, std::string>{{2, "wg0"}, {3, "inside"}, {9, "\x09"}});
}

TEST_CASE("a packet of any length is padded, and says when, how long, which way and whose it is") {
  for (std::size_t size = 0; size < 9; ++size) {
    CAPTURE(size);
    const std::vector<std::uint8_t> packet(size, 0x45);
    const std::string octets = pcapng::packet({.nanoseconds = 0x1122'3344'5566'7788,
                                               .direction = pcapng::Packet::Direction::outbound,
                                               .whole = 1420,
                                               .octets = packet,
                                               .comment = "alice (AbCd…WxYz)"});
    const Block block = read_block(octets);
    CHECK(block.type == 6);
    CHECK(number_at<std::uint32_t>(block.body, 0) == 0);
    CHECK(number_at<std::uint32_t>(block.body, 4) == 0x1122'3344);
    CHECK(number_at<std::uint32_t>(block.body, 8) == 0x5566'7788);
    CHECK(number_at<std::uint32_t>(block.body, 12) == size);
    CHECK(number_at<std::uint32_t>(block.body, 16) == 1420);
    const std::size_t padded = (size + 3) / 4 * 4;
    CHECK(block.body.substr(20, size) == std::string(size, 'E'));
    CHECK(block.body.substr(20 + size, padded - size) == std::string(padded - size, '\0'));
    const auto options = read_options(block.body.substr(20 + padded));
    CHECK(options.at(1) == "alice (AbCd…WxYz)");
    CHECK(number_at<std::uint32_t>(options.at(2), 0) == 2);
  }
}

TEST_CASE("a packet without a comment has its way alone") {
  const std::string octets = pcapng::packet({.nanoseconds = 1, .whole = 0, .octets = {}, .comment = {}});
  const auto options = read_options(read_block(octets).body.substr(20));
  REQUIRE(options.size() == 1);
  CHECK(number_at<std::uint32_t>(options.at(2), 0) == 1);
}

TEST_CASE("at the end stands how many packets there were, and how many are not in the file") {
  const std::string octets = pcapng::statistics(7, 100, 3);
  const Block block = read_block(octets);
  CHECK(block.type == 5);
  const auto options = read_options(block.body.substr(12));
  CHECK(number_at<std::uint64_t>(options.at(4), 0) == 100);
  CHECK(number_at<std::uint64_t>(options.at(5), 0) == 3);
}
