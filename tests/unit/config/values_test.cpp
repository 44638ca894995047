// SPDX-License-Identifier: MIT
#include "values.hpp"

#include "config_support.hpp"

using namespace culvert;
using namespace culvert::config;

namespace {

/// Seconds since 1970, or -1.
std::int64_t expiry(std::string_view text) {
  const auto time = parse_expiry(text);
  return time ? time->seconds : -1;
}

}  // namespace

TEST_CASE("dates are those of the calendar, with and without a clock") {
  // From date -u -d TEXT +%s.
  CHECK(expiry("1970-01-01") == 0);
  CHECK(expiry("2000-02-29") == 951782400);
  CHECK(expiry("2024-02-29T23:59:59Z") == 1709251199);
  CHECK(expiry("2026-12-31 18:00:00") == 1798740000);
  CHECK(expiry("2026-12-31T18:00") == 1798740000);
  CHECK(expiry("2026-12-31t18:00:00z") == 1798740000);
  CHECK(expiry("2026-12-31T18:00:00+02:00") == 1798732800);
  CHECK(expiry("2026-12-31T18:00:00-05:30") == 1798759800);
  CHECK(parse_expiry("2026-12-31T18:00:00.5Z")->nanoseconds == 500000000);
  CHECK(parse_expiry("2026-12-31T18:00:00.123456789Z")->nanoseconds == 123456789);
  CHECK(parse_expiry("0000-01-01").has_value());
  CHECK(parse_expiry("9999-12-31T23:59:59Z").has_value());
}

TEST_CASE("what no calendar knows is no date") {
  for (const std::string_view text : {"",
                                      "tomorrow",
                                      "2026-13-01",
                                      "2026-00-01",
                                      "2026-02-29",
                                      "1900-02-29",
                                      "2026-04-31",
                                      "2026-1-1",
                                      "26-01-01",
                                      "2026-01-01T",
                                      "2026-01-01T24:00:00",
                                      "2026-01-01T12:60:00",
                                      "2026-01-01T12:00:60",
                                      "2026-01-01T12:00:00.",
                                      "2026-01-01T12:00:00.1234567890Z",
                                      "2026-01-01T12:00:00+24:00",
                                      "2026-01-01T12:00:00+0200",
                                      "2026-01-01T12:00:00Zx",
                                      "2026-01-01x",
                                      "0000-01-01T00:00:00+00:01",
                                      "9999-12-31T23:59:59-00:01",
                                      "+2026-01-01"})
    CHECK_MESSAGE(!parse_expiry(text), std::string(text));
}

TEST_CASE("times are written as they are read") {
  for (const std::int64_t seconds : {std::int64_t{-62167219200}, std::int64_t{-1}, std::int64_t{0},
                                     std::int64_t{951782399}, std::int64_t{253402300799}}) {
    const auto back = parse_expiry(to_string(UnixTime{seconds, 7}));
    REQUIRE(back);
    CHECK(*back == UnixTime{seconds, 7});
  }
  CHECK(to_string(UnixTime{1798740000, 0}) == "2026-12-31T18:00:00Z");
  CHECK(to_string(UnixTime{-1, 500000000}) == "1969-12-31T23:59:59.500000000Z");
}

TEST_CASE("marks, intervals and tables in all their spellings") {
  CHECK(*parse_mark("0xFFFFFFFF") == 0xffffffffu);
  CHECK(*parse_mark("0Xca6c") == 51820u);
  CHECK(*parse_mark("51820") == 51820u);
  CHECK(*parse_mark("OFF") == 0u);
  for (const std::string_view text : {"", "0x", "-1", "+1", " 1", "1 ", "4294967296", "0x100000000", "ca6c", "none"})
    CHECK_MESSAGE(!parse_mark(text), std::string(text));
  CHECK(*parse_keepalive("25") == std::chrono::seconds(25));
  CHECK(*parse_keepalive("Off") == std::chrono::seconds(0));
  CHECK(*parse_keepalive("65535") == std::chrono::seconds(65535));
  for (const std::string_view text : {"", "65536", "-1", "25s", "on"})
    CHECK_MESSAGE(!parse_keepalive(text), std::string(text));
  CHECK(parse_table("auto")->kind == RoutingTable::Kind::automatic);
  CHECK(parse_table("off")->kind == RoutingTable::Kind::off);
  CHECK(parse_table("1234")->number == 1234);
  CHECK(parse_table("0x10")->number == 16);
  for (const std::string_view text : {"", "0", "main", "-1"}) CHECK_MESSAGE(!parse_table(text), std::string(text));
}

TEST_CASE("names of peers and domains") {
  for (const std::string_view name : {"anna", "Anna's phone", "\xc3\xbc\xe2\x82\xac", "a.b", "x\xf0\x9f\x98\x80"})
    CHECK_MESSAGE(is_peer_name(name), std::string(name));
  CHECK(is_peer_name(std::string(35, 'x') + "-" + std::string(28, 'x')));
  CHECK(!is_peer_name(std::string(36, 'x')));  // most of a key
  CHECK(!is_peer_name("old AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="));
  CHECK(!is_peer_name(std::string(35, 'x') + "-" + std::string(29, 'x')));
  for (const std::string_view name :
       {"", ".hidden", " x", "x ", "a/b", "a\nb", "a\x7f", "a\u009b", "\u202ea", "\xff", "a\xc3"})
    CHECK_MESSAGE(!is_peer_name(name), std::string(name));
  for (const std::string_view name : {"example", "a.b.example.", "_x-1.example", "~.", ".", "~corp.example"})
    CHECK_MESSAGE(is_search_domain(name), std::string(name));
  for (const std::string_view name : {"", "~", "a..b", ".a", "a b", "a/b", "~~a"})
    CHECK_MESSAGE(!is_search_domain(name), std::string(name));
  CHECK(!is_search_domain(std::string(64, 'a') + ".example"));
}

TEST_CASE("addresses to listen on") {
  for (const std::string_view text : {"127.0.0.1:9586", "[::1]:1", "unix:/run/x"}) CHECK(is_listen_address(text));
  for (const std::string_view text :
       {"", "9586", ":9586", "localhost:9586", "127.0.0.1", "127.0.0.1:0", "unix:", "unix:x"})
    CHECK_MESSAGE(!is_listen_address(text), std::string(text));
  CHECK(!is_listen_address("unix:/" + std::string(107, 'x')));  // sun_path holds 108 octets with the final zero
}

TEST_CASE("a value in a message is short and harmless") {
  CHECK(excerpt("plain") == "plain");
  CHECK(excerpt("a\nb\x1b[31m\x7f") == "a?b?[31m?");
  CHECK(excerpt(std::string(81, 'x')) == std::string(80, 'x') + "...");
  CHECK(excerpt(std::string(79, 'x') + "\xc3\xa4") == std::string(79, 'x') + "...");
}
