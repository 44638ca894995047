// SPDX-License-Identifier: MIT
// Files of wg-quick: whatever the text, there is a configuration that keeps the rules, or findings that people can
// read.
#include "support/config_findings.hpp"
#include "wg_quick.hpp"

using namespace culvert;
using namespace culvert::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const auto readers = input.octet() & 1 ? config::Readers::others : config::Readers::owner;
  const Bytes rest = input.octets(size);
  const std::string text(rest.begin(), rest.end());
  check_result(config::read_wg_quick("wg0", {"wg0.conf", text, readers}));
  return 0;
}
