// SPDX-License-Identifier: MIT
// The one-shot functions. Expected values: where not from the RFC or draft named, from Python's `cryptography`
// (ChaCha20Poly1305 over OpenSSL), with 4 zero octets and the little-endian counter as the nonce.
#include "aead.hpp"

#include <doctest/doctest.h>

#include "support.hpp"

using namespace culvert;
using namespace culvert::test;

namespace {

const bool ready = crypto::initialise();

// Key, plaintext and associated data of RFC 8439 2.8.2.
const char* const kKey = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f";
const char* const kSunscreen =
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be "
    "it.";
const char* const kAd = "50515253c0c1c2c3c4c5c6c7";

std::vector<std::uint8_t> sealed(std::uint64_t counter, Bytes plain, Bytes ad) {
  std::vector<std::uint8_t> out(plain.size() + 16);
  crypto::seal(secret<32>(kKey), counter, plain, ad, out);
  return out;
}

}  // namespace

TEST_CASE("libsodium starts") { REQUIRE(ready); }

TEST_CASE("the text of RFC 8439 2.8.2 under a nonce of our shape") {
  constexpr std::uint64_t kCounter = 0x4746454443424140;  // octets 40 41 ... 47, as in the RFC
  const std::string ciphertext =
      "a479cb54628946d6f4042a8e384ef4bd2fbc7330b8be55eb2d8dc18aaa51d66a8ec1f8d3619a258db0ac56956015b7b4937e9b8e6aa957b3"
      "dc0214d803d77660aabc913092971da8f207171ce7843608162e2e759d8efc25d8d0936990af63c820ba87e8a955b5c8274ef7d10f6fafd0"
      "4647";
  CHECK(hex(sealed(kCounter, text(kSunscreen), {})) == ciphertext + "fa6775577a1a250dcc2df37e95e46c4a");
  CHECK(hex(sealed(kCounter, text(kSunscreen), unhex(kAd))) == ciphertext + "2dbf189b668bd430aef9147e99cb6c89");
}

TEST_CASE("all 64 bits of the counter go into the nonce") {
  CHECK(hex(sealed(0, {}, {})) == "3ae5d3f2a376d317eaea5aef0215ba54");
  CHECK(hex(sealed(1, {}, {})) == "2c8bcc023498fb4795f009bc2b0bd49a");
  CHECK(hex(sealed(4294967295, {}, {})) == "677e52f8ee8e91f2297be89ed2762334");             // 2^32 - 1
  CHECK(hex(sealed(4294967296, {}, {})) == "be8175654017cc1c68cf224f218414e3");             // 2^32
  CHECK(hex(sealed(1152921504606846976, {}, {})) == "30bdb82be04c7698b7f8cd9caf6b7c2e");    // 2^60
  CHECK(hex(sealed(18446744073709543422u, {}, {})) == "f5bcd704efe93e731bb13e7e18b4cb18");  // 2^64 - 2^13 - 2
}

TEST_CASE("a message opens under its own key, counter and data alone") {
  const auto key = secret<32>(kKey);
  const std::vector<std::uint8_t> good = sealed(7, text(kSunscreen), unhex(kAd));
  std::vector<std::uint8_t> plain(good.size() - 16);

  REQUIRE(crypto::open(key, 7, good, unhex(kAd), plain));
  CHECK(hex(plain) == hex(text(kSunscreen)));

  CHECK_FALSE(crypto::open(key, 8, good, unhex(kAd), plain));
  CHECK_FALSE(crypto::open(key, 7, good, {}, plain));
  CHECK_FALSE(crypto::open(secret<32>("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9e"), 7, good,
                           unhex(kAd), plain));
}

TEST_CASE("one wrong bit anywhere is refused, and the output is zero") {
  const auto key = secret<32>(kKey);
  const std::vector<std::uint8_t> good = sealed(7, text("sixteen octets.."), unhex(kAd));
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    CAPTURE(bit);
    std::vector<std::uint8_t> bad = good;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    std::vector<std::uint8_t> plain(16, 0xaa);
    CHECK_FALSE(crypto::open(key, 7, bad, unhex(kAd), plain));
    CHECK(plain == std::vector<std::uint8_t>(16, 0x00));
  }
}

TEST_CASE("what is shorter than a tag is refused") {
  const auto key = secret<32>(kKey);
  const Octets<24> nonce{};
  for (std::size_t octets = 0; octets < 16; ++octets) {
    const std::vector<std::uint8_t> stump(octets);
    std::vector<std::uint8_t> plain(4, 0xaa);
    CHECK_FALSE(crypto::open(key, 0, stump, {}, plain));
    CHECK(plain == std::vector<std::uint8_t>(4, 0x00));
    plain.assign(4, 0xaa);
    CHECK_FALSE(crypto::xopen(key, nonce, stump, {}, plain));
    CHECK(plain == std::vector<std::uint8_t>(4, 0x00));
  }
}

TEST_CASE("the XChaCha20-Poly1305 example of draft-irtf-cfrg-xchacha-03 A.3.1") {
  const auto key = secret<32>(kKey);
  const auto nonce = unhex_array<24>("404142434445464748494a4b4c4d4e4f5051525354555657");
  std::vector<std::uint8_t> out(std::string_view(kSunscreen).size() + 16);
  crypto::xseal(key, nonce, text(kSunscreen), unhex(kAd), out);
  CHECK(
      hex(out) ==
      "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216"
      "cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13"
      "b52ec0875924c1c7987947deafd8780acf49");

  std::vector<std::uint8_t> plain(out.size() - 16);
  REQUIRE(crypto::xopen(key, nonce, out, unhex(kAd), plain));
  CHECK(hex(plain) == hex(text(kSunscreen)));

  for (std::size_t bit = 0; bit < out.size() * 8; ++bit) {
    CAPTURE(bit);
    std::vector<std::uint8_t> bad = out;
    bad[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    CHECK_FALSE(crypto::xopen(key, nonce, bad, unhex(kAd), plain));
    CHECK(plain == std::vector<std::uint8_t>(plain.size(), 0x00));
  }
}

TEST_CASE("XChaCha20-Poly1305 uses every octet of its nonce") {
  const auto key = secret<32>(kKey);
  const auto nonce = unhex_array<24>("404142434445464748494a4b4c4d4e4f5051525354555657");
  Octets<32> out;
  crypto::xseal(key, nonce, text("sixteen octets.."), {}, out);
  for (std::size_t at = 0; at < nonce.size(); ++at) {
    Octets<24> other = nonce;
    other[at] ^= 1;
    Octets<16> plain;
    CHECK_FALSE(crypto::xopen(key, other, out, {}, plain));
  }
}
