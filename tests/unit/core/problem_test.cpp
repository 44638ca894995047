// SPDX-License-Identifier: MIT
#include "problem.hpp"

#include <doctest/doctest.h>

#include <set>
#include <test_clock.hpp>

using namespace culvert;
using namespace std::chrono_literals;

TEST_CASE("every problem has a name of its own, a sentence for what is wrong and one for what to do") {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kProblemCount; ++i) {
    const auto problem = static_cast<Problem>(i);
    INFO(name(problem));
    CHECK(names.insert(name(problem)).second);
    CHECK(text(problem).ends_with('.'));
    CHECK(advice(problem).ends_with('.'));
    CHECK(text(problem).size() > 20);
  }
}

TEST_CASE("each kind of problem takes one record, however often it happens, with its last instant and address") {
  test::TestClock clock;
  ProblemRecords records;
  CHECK(records.latest() == nullptr);
  for (int i = 0; i < 1000; ++i) {
    clock.advance(1s);
    records.note(Problem::source_not_allowed, clock.now(), parse_address("10.0.0.9"));
    records.note(Problem::no_answer, clock.now());
  }
  CHECK(records.all().size() == 2);
  const ProblemRecord* record = records.of(Problem::source_not_allowed);
  REQUIRE(record != nullptr);
  CHECK(record->count == 1000);
  CHECK(record->last == clock.mono());
  CHECK(record->wall.seconds == 1'700'001'000);
  CHECK(record->address == parse_address("10.0.0.9"));
  CHECK(records.of(Problem::bad_answer) == nullptr);
}

TEST_CASE("an address that was known once stays when the next of the kind has none") {
  test::TestClock clock;
  ProblemRecords records;
  records.note(Problem::unreachable, clock.now(), parse_address("192.0.2.1"));
  records.note(Problem::unreachable, clock.now());
  CHECK(records.of(Problem::unreachable)->address == parse_address("192.0.2.1"));
}

TEST_CASE("of several problems the cause is the one that explains most, not the latest") {
  test::TestClock clock;
  ProblemRecords records;
  records.note(Problem::bad_answer, clock.now());
  clock.advance(5s);
  records.note(Problem::no_answer, clock.now());
  records.note(Problem::too_big, clock.now());
  REQUIRE(records.cause(clock.mono() - 60s) != nullptr);
  CHECK(records.cause(clock.mono() - 60s)->problem == Problem::bad_answer);
  CHECK(records.latest()->last == clock.mono());
  // What happened before does not count.
  CHECK(records.cause(clock.mono())->problem == Problem::no_answer);
}

TEST_CASE("dropped packets alone do not keep a peer down") {
  test::TestClock clock;
  ProblemRecords records;
  for (const Problem p : {Problem::source_not_allowed, Problem::too_big, Problem::data_unanswered})
    records.note(p, clock.now());
  CHECK(records.cause(clock.mono() - 60s) == nullptr);
}

TEST_CASE("a drop says of its peer what the owner has to look at, and drops of strangers say nothing") {
  CHECK(problem_of(Drop::bad_response_tag) == Problem::bad_answer);
  CHECK(problem_of(Drop::blocked_by_firewall) == Problem::blocked_by_firewall);
  CHECK(problem_of(Drop::outside_unreachable) == Problem::no_route);
  CHECK(problem_of(Drop::old_timestamp) == Problem::old_timestamp);
  CHECK(problem_of(Drop::bad_mac1) == std::nullopt);
  CHECK(problem_of(Drop::unknown_peer) == std::nullopt);
  // Anybody who has seen a datagram can cause these.
  CHECK(problem_of(Drop::bad_tag) == std::nullopt);
  CHECK(problem_of(Drop::replayed) == std::nullopt);
}
