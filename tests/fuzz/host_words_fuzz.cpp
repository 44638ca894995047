// SPDX-License-Identifier: MIT
// The words between `culvert` and the host half: what is understood says the same when it is said again.
#include "host_words.hpp"

#include "support/input.hpp"

using namespace culvert;
using namespace culvert::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string line(data, data + size);
  if (const auto request = control::parse_host_request(line)) {
    require(request->minutes <= 60, "a portal closes within the hour");
    const auto again = control::parse_host_request(control::to_line(*request));
    require(again && *again == *request, "a request reads back");
  } else {
    require(!request.error().empty(), "what is no request is told why");
  }
  if (const auto answer = control::parse_host_answer(line)) {
    const std::string said = control::to_line(*answer);
    require(!said.empty() && said.find('\n') == said.size() - 1, "an answer is one line");
    require(control::parse_host_answer(said).has_value(), "an answer reads back");
  }
  return 0;
}
