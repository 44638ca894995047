// SPDX-License-Identifier: MIT
// The octets of a piece are typed again here, from the comment in the header.
#include "capture_words.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace culvert;
using namespace culvert::control;

namespace {

std::string text_of(const SecretText& octets) { return {octets.begin(), octets.end()}; }

/// Reads `octets` in parts, and all of the pieces again.
std::string copied(const std::string& octets, std::size_t part) {
  PieceReader reader;
  SecretText out;
  for (std::size_t at = 0; at < octets.size();) {
    const std::span<char> room = reader.room();
    REQUIRE(!room.empty());
    const std::size_t n = std::min({part, octets.size() - at, room.size()});
    std::copy_n(octets.begin() + static_cast<std::ptrdiff_t>(at), n, room.begin());
    reader.filled(n);
    at += n;
    for (;;) {
      const auto piece = reader.next();
      REQUIRE(piece);
      if (!*piece) break;
      append(out, **piece);
    }
  }
  return text_of(out);
}

bool refuses(const std::string& octets) {
  PieceReader reader;
  const std::span<char> room = reader.room();
  std::copy(octets.begin(), octets.end(), room.begin());
  reader.filled(octets.size());
  return !reader.next();
}

std::string packet_piece() {
  SecretText out;
  const Octets<3> octets{7, 8, 9};
  append(out, piece::Packet{.peer = 0x01020304,
                            .way = piece::Packet::Way::out,
                            .nanoseconds = 0x1112131415161718,
                            .whole = 0x0203,
                            .octets = octets});
  return text_of(out);
}

}  // namespace

TEST_CASE("a packet is its head, whose it is, which way, when, how long and its octets") {
  using namespace std::string_literals;
  CHECK(packet_piece() ==
        "\x17\0\0\0\x04\0\0\0"s
        "\x04\x03\x02\x01\x01\0\0\0\x18\x17\x16\x15\x14\x13\x12\x11\x03\x02\0\0\x07\x08\x09"s);
}

TEST_CASE("pieces come out as they went in, however the stream is cut") {
  SecretText out;
  append(out, piece::Begun{"wg0"});
  PublicKey key;
  key.octets.fill(0x42);
  append(out, piece::Peer{.number = 3, .public_key = key, .name = "alice"});
  const std::vector<std::uint8_t> large(65535, 0x55);
  append(out, piece::Packet{.peer = 3, .nanoseconds = 5, .whole = 65535, .octets = large});
  append(out, piece::Packet{.peer = 3, .nanoseconds = 6, .whole = 1, .octets = {}});
  append(out, piece::Secrets{"LOCAL = x\n"});
  append(out, piece::Counts{.sent = 2, .left_out = 1});
  append(out, piece::Refused{"no"});
  const std::string text = text_of(out);
  for (const std::size_t part : {1u, 7u, 8u, 9u, 1000u, 300'000u}) CHECK(copied(text, part) == text);
}

TEST_CASE("what is no piece is refused, and nothing is read past it") {
  const std::string good = packet_piece();
  CHECK_FALSE(refuses(good));
  const auto changed = [&](std::size_t at, char to) {
    std::string octets = good;
    octets[at] = to;
    return octets;
  };
  CHECK(refuses(changed(4, 0)));  // kinds that do not exist
  CHECK(refuses(changed(4, 7)));
  CHECK(refuses(changed(5, 1)));   // what has to be zero
  CHECK(refuses(changed(2, 2)));   // longer than any piece
  CHECK(refuses(changed(12, 2)));  // neither way
  CHECK(refuses(changed(13, 1)));
  CHECK(refuses(changed(26, 1)));        // longer than any packet
  CHECK(refuses(changed(0, 0x13)));      // too short for its head
  std::string shorter = changed(24, 2);  // less of it than follows
  shorter[25] = 0;
  CHECK(refuses(shorter));
  CHECK(refuses(changed(4, 3)));  // a peer without a key
  CHECK(refuses(changed(4, 6)));  // counts of another length
}

TEST_CASE("texts are cut before they do not fit") {
  SecretText out;
  append(out, piece::Refused{std::string(100'000, 'x')});
  CHECK(out.size() == 8 + 512);
}

TEST_CASE("a request is one line that reads back; anything else is told why it is none") {
  CaptureRequest request{.peers = {"alice", "bob"}, .snap = 96, .secrets = CaptureRequest::Secrets::told};
  const std::string line = to_line(request);
  CHECK(line.find('\n') == line.size() - 1);
  const auto back = parse_capture_request(line);
  REQUIRE(back);
  CHECK(*back == request);
  const auto empty = parse_capture_request("{}");
  REQUIRE(empty);
  CHECK(*empty == CaptureRequest{});
  for (const std::string_view wrong :
       {"", "x", "[]", R"({"snap":0})", R"({"snap":65536})", R"({"snap":-1})", R"({"snap":1.5})", R"({"peers":"a"})",
        R"({"peers":[1]})", R"({"keys":1})", R"({"key":true})"}) {
    CAPTURE(wrong);
    const auto refused = parse_capture_request(wrong);
    REQUIRE_FALSE(refused);
    CHECK_FALSE(refused.error().empty());
  }
}
