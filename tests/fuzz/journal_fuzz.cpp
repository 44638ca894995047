// SPDX-License-Identifier: MIT
// The journal of changes on the host, as it may be found after a crash or a bad disk. The first octet says what the
// rest is: a whole journal, its lines without the checksums that this target puts in front, or one step in JSON. What
// is read as a step is written as that step again.
#include "journal.hpp"

#include <nlohmann/json.hpp>
#include <set>

#include "step_json.hpp"
#include "support/input.hpp"

using namespace culvert;
using namespace culvert::fuzz;

namespace {

std::string with_checksums(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    std::uint64_t sum = 0xcbf29ce484222325;  // FNV-1a
    for (const char each : line) sum = (sum ^ static_cast<unsigned char>(each)) * 0x100000001b3;
    char prefix[20];
    std::snprintf(prefix, sizeof prefix, "%016llx ", static_cast<unsigned long long>(sum));
    out += prefix + line + '\n';
    at = end + 1;
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::uint8_t how = input.octet();
  const Bytes rest = input.octets(size);
  const std::string text(rest.begin(), rest.end());
  if (how % 3 != 0) {
    const auto content = host::parse_journal(how % 3 == 1 ? text : with_checksums(text));
    // In the order of the file, whatever the numbers: a number that comes again replaces the change that had it.
    std::set<std::uint64_t> numbers;
    if (content)
      for (const host::Made& made : content->made)
        require(numbers.insert(made.id).second, "a change stands there once");
    return 0;
  }
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (json.is_discarded()) return 0;
  const auto step = host::step_from_json(json);
  if (step) require(host::step_from_json(host::to_json(*step)) == step, "a step reads back");
  return 0;
}
