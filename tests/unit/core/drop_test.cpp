// SPDX-License-Identifier: MIT
#include <culvert/drop.hpp>

#include <algorithm>
#include <array>
#include <set>

#include <doctest/doctest.h>

using namespace culvert;

namespace {

// Typed again, not taken from the table: counters are named by these words outside this project.
constexpr std::array<std::string_view, 41> kNames = {
    "not_wireguard",
    "truncated",
    "no_identity",
    "handshake_queue_full",
    "report_queue_full",
    "bad_mac1",
    "cookie_demanded",
    "rate_limited",
    "zero_shared_secret",
    "bad_static_tag",
    "unknown_peer",
    "peer_disabled",
    "peer_expired",
    "bad_timestamp_tag",
    "old_timestamp",
    "initiations_too_close",
    "unexpected_response",
    "bad_response_tag",
    "unexpected_cookie",
    "bad_cookie_tag",
    "unknown_index",
    "session_expired",
    "counter_limit",
    "bad_tag",
    "replayed",
    "inner_malformed",
    "source_not_allowed",
    "ecn_mismatch",
    "not_ip",
    "no_peer_for_destination",
    "no_peer_for_multicast",
    "no_endpoint",
    "routing_loop",
    "too_big",
    "staging_full",
    "handshake_gave_up",
    "interface_down",
    "blocked_by_firewall",
    "outside_unreachable",
    "outside_send_failed",
    "inside_write_failed",
};

}  // namespace

TEST_CASE("every reason to drop has the name under which it is counted") {
  REQUIRE(kDropCount == kNames.size());
  for (std::size_t i = 0; i < kNames.size(); ++i) CHECK(name(static_cast<Drop>(i)) == kNames[i]);
  CHECK(name(Drop::bad_mac1) == "bad_mac1");
  CHECK(name(Drop::inside_write_failed) == "inside_write_failed");
}

TEST_CASE("every reason to drop has a text of its own: one sentence on one line") {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < kDropCount; ++i) {
    const std::string_view sentence = text(static_cast<Drop>(i));
    CAPTURE(sentence);
    REQUIRE(sentence.size() > 30);
    CHECK(sentence.size() < 160);
    CHECK(sentence.front() >= 'A');
    CHECK(sentence.front() <= 'Z');
    CHECK(sentence.find('.') == sentence.size() - 1);
    CHECK(std::ranges::all_of(sentence, [](char c) { return c >= ' ' && c <= '~'; }));
    CHECK(seen.insert(sentence).second);
  }
}

TEST_CASE("a number that is no reason has a name and a text too") {
  CHECK(name(Drop::count_) == "unknown");
  CHECK_FALSE(text(static_cast<Drop>(255)).empty());
}
