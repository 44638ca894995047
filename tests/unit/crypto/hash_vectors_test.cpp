// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <vectors.hpp>

#include "blake2s.hpp"
#include "hash.hpp"
#include "support.hpp"

using namespace culvert;
using namespace culvert::test;
using nlohmann::json;

namespace {

std::vector<std::uint8_t> octets(const json& text) { return unhex(text.get<std::string>()); }

/// HMAC pads a key with zeros, so a chaining key shorter than 32 octets is the same as one with zeros behind it.
Secret<32> padded(const json& text) {
  const std::vector<std::uint8_t> key = octets(text);
  REQUIRE(key.size() <= 32);
  Secret<32> result;
  std::copy(key.begin(), key.end(), result.bytes().begin());
  return result;
}

}  // namespace

TEST_CASE("the BLAKE2s known answers, with and without a key") {
  std::size_t unkeyed = 0;
  std::size_t keyed = 0;
  for (const json& test : vectors("blake2/blake2s-kat.json")) {
    const std::vector<std::uint8_t> in = octets(test.at("in"));
    const std::vector<std::uint8_t> key = octets(test.at("key"));
    const std::string expected = test.at("out").get<std::string>();
    CAPTURE(in.size());
    if (key.empty()) {
      CHECK(hex(crypto::hash({in})) == expected);
      ++unkeyed;
    } else {
      Octets<32> digest;
      crypto::Blake2s state(digest.size(), key);
      state.update(in);
      state.finish(digest);
      CHECK(hex(digest) == expected);
      ++keyed;
    }
  }
  CHECK(unkeyed == 256);
  CHECK(keyed == 256);
}

TEST_CASE("RFC 7693 appendix B") {
  CHECK(hex(crypto::hash({text("abc")})) == vectors("rfc/rfc-vectors.json").at("blake2s_256_abc").get<std::string>());
}

TEST_CASE("the key derivation and the initial values of WireGuard") {
  const json file = vectors("wireguard/kdf-blake2s.json");
  for (const json& test : file.at("kdf")) {
    const auto outputs = crypto::kdf<3>(padded(test.at("key")), octets(test.at("input")));
    CHECK(hex(outputs[0].bytes()) == test.at("t1").get<std::string>());
    CHECK(hex(outputs[1].bytes()) == test.at("t2").get<std::string>());
    CHECK(hex(outputs[2].bytes()) == test.at("t3").get<std::string>());
  }
  CHECK(file.at("kdf").size() == 3);
  const Octets<32> chaining_key = crypto::hash({text("Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s")});
  CHECK(hex(chaining_key) == file.at("initial_chaining_key").get<std::string>());
  CHECK(hex(crypto::hash({chaining_key, text("WireGuard v1 zx2c4 Jason@zx2c4.com")})) ==
        file.at("initial_hash").get<std::string>());
}
