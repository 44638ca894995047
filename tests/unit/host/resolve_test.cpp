// SPDX-License-Identifier: MIT
#include "resolve.hpp"

#include <doctest/doctest.h>
#include <poll.h>

#include "host_support.hpp"
#include "outside_query.hpp"

using namespace culvert;
using namespace culvert::host;
using namespace std::chrono_literals;

namespace {

// "vpn.example" A, as [RFC 1035 4.1] lays it out; the answer has a CNAME, 203.0.113.5 and an AAAA.
const std::vector<std::uint8_t> kQuestion = {0x12, 0x34, 0x01, 0x00, 0,   1,   0,   0,   0,   0, 0, 0, 3, 'v', 'p',
                                             'n',  7,    'e',  'x',  'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0, 1};

std::vector<std::uint8_t> answer() {
  std::vector<std::uint8_t> octets = kQuestion;
  octets[2] = 0x81;
  octets[3] = 0x80;
  octets[7] = 3;
  const std::vector<std::uint8_t> records = {
      0xc0, 12, 0, 5,  0, 1,  0,    0,    0,    60,   0, 4, 1,   'x', 0xc0, 16,  // CNAME x.example
      0xc0, 12, 0, 1,  0, 1,  0,    0,    0,    60,   0, 4, 203, 0,   113,  5,  0xc0, 12, 0, 28, 0, 1,
      0,    0,  0, 60, 0, 16, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0,   0,   0,    0,  0,    0,  0, 0,  0, 9};
  octets.insert(octets.end(), records.begin(), records.end());
  return octets;
}

}  // namespace

TEST_CASE("an answer gives the addresses of the family that was asked for") {
  CHECK(read_answer(kQuestion, answer(), Family::v4) == std::vector{*parse_address("203.0.113.5")});
  CHECK(read_answer(kQuestion, answer(), Family::v6) == std::vector{*parse_address("2001:db8::9")});
}

TEST_CASE("an answer to another question, with another number, or a question, gives nothing") {
  const std::vector<std::uint8_t> whole = answer();
  for (const std::size_t at : {std::size_t{0}, std::size_t{1}, std::size_t{13}, std::size_t{26}}) {
    std::vector<std::uint8_t> bent = whole;
    bent[at] ^= 1;
    CAPTURE(at);
    CHECK(read_answer(kQuestion, bent, Family::v4).empty());
  }
  std::vector<std::uint8_t> asked = whole;
  asked[2] = 0x01;
  CHECK(read_answer(kQuestion, asked, Family::v4).empty());
}

TEST_CASE("an answer cut short anywhere is read without harm, and never gives what it does not hold") {
  const std::vector<std::uint8_t> whole = answer();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const std::vector<std::uint8_t> part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    CAPTURE(length);
    CHECK(read_answer(kQuestion, part, Family::v6).empty());
  }
}

TEST_CASE("a number is its own address") {
  const auto found = resolve({"192.0.2.1", 51820}, {});
  REQUIRE(found);
  CHECK(*found == std::vector{*parse_endpoint("192.0.2.1:51820")});
}

TEST_CASE("tries come after 1 s, a fifth later each, and never more than 20 s apart") {
  CHECK(retry_delay(1) == 1000ms);
  CHECK(retry_delay(2) == 1200ms);
  CHECK(retry_delay(3) == 1440ms);
  CHECK(retry_delay(17) == 18488ms);
  CHECK(retry_delay(18) == 20000ms);
  CHECK(retry_delay(1000000) == 20000ms);
}

TEST_CASE("the thread answers every question in order, and the descriptor tells") {
  Resolver resolver;
  CHECK(resolver.take().empty());
  for (std::uint64_t id = 1; id <= 3; ++id) resolver.ask(id, {"192.0.2." + std::to_string(id), 7}, {});
  std::vector<Resolver::Answer> answers;
  while (answers.size() < 3) {
    pollfd readable{.fd = resolver.ready(), .events = POLLIN, .revents = 0};
    REQUIRE(::poll(&readable, 1, 60000) == 1);
    for (auto& each : resolver.take()) answers.push_back(std::move(each));
  }
  for (std::uint64_t id = 1; id <= 3; ++id) {
    REQUIRE(answers[id - 1].result);
    CHECK(answers[id - 1].id == id);
    CHECK(to_string(answers[id - 1].result->front()) == "192.0.2." + std::to_string(id) + ":7");
  }
}
