// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <random>

#include <culvert/keys.hpp>

#include "key_text.hpp"
#include "support.hpp"

using namespace culvert;
using namespace culvert::test;

// The encodings are Python's base64.b64encode.
TEST_CASE("a public key has 44 characters of base64") {
  CHECK(to_base64({unhex_array<32>("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")}) ==
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
  CHECK(to_base64({unhex_array<32>("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff")}) ==
        "//////////////////////////////////////////8=");
  CHECK(to_base64({unhex_array<32>("fbff000000000000000000000000000000000000000000000000000000000000")}) ==
        "+/8AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
}

TEST_CASE("the abbreviation shows four characters of each end") {
  CHECK(to_short({unhex_array<32>("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")}) == "AAEC…dHh8");
}

TEST_CASE("what is written is read back") {
  std::mt19937 random(20260701);
  for (int i = 0; i < 1000; ++i) {
    PublicKey key;
    for (std::uint8_t& octet : key.octets) octet = static_cast<std::uint8_t>(random());
    CHECK(parse_public_key(to_base64(key)) == key);
  }
}

TEST_CASE("only the one canonical spelling of a key is read") {
  const std::string good = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
  REQUIRE(parse_public_key(good));

  CHECK_FALSE(parse_public_key(""));
  CHECK_FALSE(parse_public_key(good.substr(0, 43)));
  CHECK_FALSE(parse_public_key(good + "="));
  CHECK_FALSE(parse_public_key(good + "\n"));
  CHECK_FALSE(parse_public_key(std::string(" ").append(good, 0, 43)));
  CHECK_FALSE(parse_public_key(good.substr(0, 42) + "=="));
  CHECK_FALSE(parse_public_key(good.substr(0, 43) + "A"));                    // 33 octets
  CHECK_FALSE(parse_public_key(good.substr(0, 43) + "\n"));                   // whitespace for padding
  CHECK_FALSE(parse_public_key(good.substr(0, 20) + " " + good.substr(21)));  // inside
  CHECK_FALSE(parse_public_key(good.substr(0, 20) + "=" + good.substr(21)));
  CHECK_FALSE(parse_public_key(good.substr(0, 20) + "\0" + good.substr(21)));
  CHECK_FALSE(parse_public_key("-/8AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));  // the URL alphabet
  CHECK_FALSE(parse_public_key("+_8AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
  // The last character before the padding carries four bits of key and two that must be zero.
  for (const char last : {'9', '-', '+', '/'}) CHECK_FALSE(parse_public_key(good.substr(0, 42) + last + "="));
}

TEST_CASE("every single wrong character is refused or gives another key") {
  const std::string good = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
  const PublicKey key = parse_public_key(good).value();
  for (std::size_t at = 0; at < good.size(); ++at)
    for (int c = 0; c < 256; ++c) {
      std::string changed = good;
      changed[at] = static_cast<char>(c);
      if (changed == good) continue;
      const std::optional<PublicKey> parsed = parse_public_key(changed);
      if (parsed) {
        CHECK(*parsed != key);
        CHECK(to_base64(*parsed) == changed);
      }
    }
}

TEST_CASE("a text that is no key leaves zeros") {
  for (const char* text :
       {"", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh*="}) {
    Octets<32> key;
    key.fill(0xaa);
    CHECK_FALSE(crypto::decode_key(text, key));
    CHECK(key == Octets<32>{});
  }
}

TEST_CASE("a private key goes through text unchanged") {
  const auto key = secret<32>("f8ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
  const auto written = crypto::encode_key(key.bytes());
  CHECK(hex(written.bytes()) == hex(text("+P///////////////////////////////////////38=")));
  Secret<32> read;
  REQUIRE(crypto::decode_key({reinterpret_cast<const char*>(written.bytes().data()), 44}, read.bytes()));
  CHECK(hex(read.bytes()) == hex(key.bytes()));
}
