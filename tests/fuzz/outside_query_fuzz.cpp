// SPDX-License-Identifier: MIT
// Whatever a resolver, or somebody in its place, answers the host half. Input: an octet of choices, and the answer, or
// what stands in it behind the question. Only an answer to the question gives addresses, and none that are not in it.
#include "outside_query.hpp"

#include "support/input.hpp"

using namespace culvert;
using namespace culvert::fuzz;

namespace {

// "vpn.example" A or AAAA, as [RFC 1035 4.1] lays it out.
std::vector<std::uint8_t> question_of(Family family) {
  return {0x12, 0x34, 0x01, 0x00, 0,   1,   0,   0, 0,
          0,    0,    0,    3,    'v', 'p', 'n', 7, 'e',
          'x',  'a',  'm',  'p',  'l', 'e', 0,   0, static_cast<std::uint8_t>(family == Family::v4 ? 1 : 28),
          0,    1};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kHeader = 12, kNumber = 2;
  Input input(data, size);
  const std::uint8_t how = input.octet();
  const Family family = how & 1 ? Family::v6 : Family::v4;
  const std::vector<std::uint8_t> question = question_of(family);
  std::vector<std::uint8_t> answer;
  if (how & 2) {  // a genuine head with any flags and counts, then the records
    const Bytes head = input.octets(kHeader - kNumber);
    answer = question;
    std::copy(head.begin(), head.end(), answer.begin() + kNumber);
  }
  const Bytes rest = input.octets(size);
  answer.insert(answer.end(), rest.begin(), rest.end());

  const std::vector<IpAddress> addresses = host::read_answer(question, answer, family);
  if (addresses.empty()) return 0;
  require(answer.size() > question.size() && std::equal(question.begin(), question.begin() + kNumber, answer.begin()),
          "the number is that of the question");
  require(std::equal(question.begin() + kHeader, question.end(), answer.begin() + kHeader), "and so is the name");
  for (const IpAddress& address : addresses) {
    require(address.family == family, "of the family that was asked for");
    const Bytes octets = address.bytes();
    require(std::search(answer.begin() + static_cast<std::ptrdiff_t>(question.size()), answer.end(), octets.begin(),
                        octets.end()) != answer.end(),
            "an address stands in the answer");
  }
  return 0;
}
