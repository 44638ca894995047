// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <vectors.hpp>

#include "aead.hpp"
#include "support.hpp"
#include "x25519.hpp"

using namespace culvert;
using namespace culvert::test;
using nlohmann::json;

namespace {

std::string shared(const std::string& scalar, const std::string& point) {
  Secret<32> result;
  if (!crypto::x25519({secret<32>(scalar)}, {unhex_array<32>(point)}, result)) return "refused";
  return hex(result.bytes());
}

}  // namespace

TEST_CASE("Wycheproof, X25519: an all-zero result is refused, all else is computed") {
  REQUIRE(crypto::initialise());
  std::size_t refused = 0;
  std::size_t computed = 0;
  const json file = vectors("wycheproof/x25519_test.json");
  for (const json& group : file.at("testGroups"))
    for (const json& test : group.at("tests")) {
      CAPTURE(test.at("tcId").get<int>());
      const std::string result = shared(test.at("private").get<std::string>(), test.at("public").get<std::string>());
      const std::string expected = test.at("shared").get<std::string>();
      if (expected == std::string(64, '0')) {
        CHECK(result == "refused");
        ++refused;
      } else {
        CHECK(result == expected);
        ++computed;
      }
    }
  CHECK(refused == 31);
  CHECK(computed == 518 - 31);
}

TEST_CASE("RFC 7748 5.2") {
  const json file = vectors("rfc/rfc-vectors.json");
  for (const json& example : file.at("x25519_rfc7748_5_2"))
    CHECK(shared(example.at("scalar").get<std::string>(), example.at("u").get<std::string>()) ==
          example.at("out").get<std::string>());
  CHECK(file.at("x25519_rfc7748_5_2").size() == 2);
}

TEST_CASE("no low-order point completes a key agreement") {
  const json file = vectors("wireguard/low-order-points.json");
  std::size_t points = 0;
  for (const json& text : file.at("public_keys_base64")) {
    const auto point = parse_public_key(text.get<std::string>());
    REQUIRE(point);
    CHECK(hex(point->octets) == file.at("public_keys_hex").at(points).get<std::string>());
    for (unsigned seed = 0; seed < 20; ++seed) {
      Octets<32> octets;
      octets.fill(static_cast<std::uint8_t>(17 * seed + 3));
      auto result = Secret<32>(octets);
      CHECK_FALSE(crypto::x25519({Secret<32>(octets)}, *point, result));
      CHECK(result.is_zero());
    }
    ++points;
  }
  CHECK(points == 7);
}
