// SPDX-License-Identifier: MIT
#include "json_number.hpp"

#include <doctest/doctest.h>

using culvert::host::number_from;
using nlohmann::json;

TEST_CASE("whole numbers up to the largest of their type are taken") {
  CHECK(number_from<std::uint32_t>(json::parse("0")) == 0);
  CHECK(number_from<std::uint32_t>(json::parse("4294967295")) == 4294967295);
  CHECK(number_from<std::uint64_t>(json::parse("18446744073709551615")) == ~std::uint64_t{0});
  CHECK(number_from<std::uint32_t>(json(7)) == 7);  // signed, as literals are
}

TEST_CASE("no other number is made of what is none, or does not fit") {
  for (const char* text : {"-1", "4294967296", "666666666666666666666666651820", "1e30", "1.5", "1.0", "\"7\"", "true",
                           "null", "[7]", "-9223372036854775808"}) {
    CAPTURE(text);
    CHECK_THROWS_AS((void)number_from<std::uint32_t>(json::parse(text)), std::invalid_argument);
  }
}
