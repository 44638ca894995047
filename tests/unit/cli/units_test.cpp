// SPDX-License-Identifier: MIT
#include "units.hpp"

#include <doctest/doctest.h>

using namespace culvert::cli;
using std::chrono::seconds;

TEST_CASE("octets are told as `wg show` tells them") {
  CHECK(octets_text(0) == "0 B");
  CHECK(octets_text(1023) == "1023 B");
  CHECK(octets_text(1024) == "1.00 KiB");
  CHECK(octets_text(1'288'490) == "1.23 MiB");
  CHECK(octets_text(std::uint64_t{5} << 40) == "5.00 TiB");
  CHECK(octets_text(~std::uint64_t{0}) == "16.00 EiB");
}

TEST_CASE("rates are bits a second with three digits") {
  CHECK(rate_text(0) == "0 bit/s");
  CHECK(rate_text(100) == "800 bit/s");
  CHECK(rate_text(125) == "1.00 kbit/s");
  CHECK(rate_text(1'543'000) == "12.3 Mbit/s");
  CHECK(rate_text(125e6) == "1.00 Gbit/s");
  CHECK(rate_text(124.99e6) == "1.00 Gbit/s");
  CHECK(rate_text(500e6) == "4.00 Gbit/s");
}

TEST_CASE("spans of time are told in every unit that they hold") {
  CHECK(span_text(seconds(0)) == "0 seconds");
  CHECK(span_text(seconds(1)) == "1 second");
  CHECK(span_text(seconds(91)) == "1 minute, 31 seconds");
  CHECK(span_text(seconds(86'400 * 366 + 7200)) == "1 year, 1 day, 2 hours");
  CHECK(ago_text(seconds(91)) == "1 minute, 31 seconds ago");
  CHECK(ago_text(seconds(0)) == "now");
  CHECK(ago_text(seconds(-60)) == "(the system clock was set back: 1 minute ahead)");
}

TEST_CASE("spans are read in weeks to seconds, alone or in a row") {
  CHECK(parse_span("30d") == seconds(30 * 86'400));
  CHECK(parse_span("2w") == seconds(14 * 86'400));
  CHECK(parse_span("1d12h") == seconds(129'600));
  CHECK(parse_span("90s") == seconds(90));
  CHECK(parse_span("45m") == seconds(2'700));
  CHECK(parse_span("36500d") == seconds(36'500LL * 86'400));
  for (const char* wrong :
       {"", "d", "30", "30x", "0d", "-1d", "1.5d", " 1d", "1d ", "36501d", "99999999999999999999d", "1d2"})
    CHECK_MESSAGE(!parse_span(wrong), wrong);
}

TEST_CASE("instants and counts") {
  CHECK(instant_text(1'795'930'321) == "2026-11-29 05:32:01Z");
  CHECK(count_text(0, "peer") == "0 peers");
  CHECK(count_text(1, "peer") == "1 peer");
  CHECK(count_text(2, "address") == "2 addresses");
}
