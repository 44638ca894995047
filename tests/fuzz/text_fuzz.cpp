// SPDX-License-Identifier: MIT
// Addresses, prefixes, endpoints and keys as people write them: what is accepted reads the same after it was written
// out. And any text as it is shown.
#include <culvert/keys.hpp>
#include <culvert/printable.hpp>

#include <culvert/address.hpp>

#include "support/input.hpp"

using namespace culvert;
using namespace culvert::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  if (const auto address = parse_address(text))
    require(parse_address(to_string(*address)) == address, "an address reads back");
  if (const auto prefix = parse_prefix(text)) {
    require(prefix->length <= address_bits(prefix->address.family), "a prefix within its address");
    require(parse_prefix(to_string(*prefix)) == prefix, "a prefix reads back");
    require(masked(masked(*prefix)) == masked(*prefix), "masked once is enough");
  }
  if (const auto endpoint = parse_endpoint(text))
    require(parse_endpoint(to_string(*endpoint)) == endpoint, "an endpoint reads back");
  const std::string shown = printable(text);
  require(printable(shown) == shown && shown.size() <= text.size(), "what is shown stays as it is");
  for (const char each : shown) require(static_cast<unsigned char>(each) >= 0x20 && each != 0x7f, "and is no control");
  if (const auto key = parse_public_key(text)) require(to_base64(*key) == text, "one text a key");
  return 0;
}
