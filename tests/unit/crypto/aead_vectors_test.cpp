// SPDX-License-Identifier: MIT
// Project Wycheproof, BoringSSL's files, and the examples of the RFC and the draft.
#include <doctest/doctest.h>

#include <map>
#include <vectors.hpp>

#include "aead.hpp"
#include "nonce.hpp"
#include "support.hpp"

using namespace culvert;
using namespace culvert::test;
using nlohmann::json;
using Buffer = std::vector<std::uint8_t>;

namespace {

struct Case {
  Buffer key, nonce, ad, plain, ciphertext, tag;

  [[nodiscard]] Buffer sealed() const {
    Buffer whole = ciphertext;
    whole.insert(whole.end(), tag.begin(), tag.end());
    return whole;
  }
};

template <std::size_t N>
Octets<N> array(const Buffer& octets) {
  REQUIRE(octets.size() == N);
  Octets<N> result;
  std::copy(octets.begin(), octets.end(), result.begin());
  return result;
}

Buffer seal(const Case& c) {
  const Secret<32> key(array<32>(c.key));
  Buffer out(c.plain.size() + 16);
  if (c.nonce.size() == 24)
    crypto::xseal(key, array<24>(c.nonce), c.plain, c.ad, out);
  else
    crypto::seal_under(key, array<12>(c.nonce), c.plain, c.ad, out);
  return out;
}

/// The plaintext, or nullopt when refused; then what was written must be zero.
std::optional<Buffer> open(const Case& c) {
  const Secret<32> key(array<32>(c.key));
  const Buffer sealed = c.sealed();
  Buffer out(std::max<std::size_t>(sealed.size(), 16) - 16, 0xaa);
  const bool opened = c.nonce.size() == 24 ? crypto::xopen(key, array<24>(c.nonce), sealed, c.ad, out)
                                           : crypto::open_under(key, array<12>(c.nonce), sealed, c.ad, out);
  if (opened) return out;
  CHECK(out == Buffer(out.size(), 0));
  return std::nullopt;
}

struct Counts {
  std::size_t valid = 0;
  std::size_t invalid = 0;
  std::size_t other_nonce_length = 0;  // which the types of our functions do not let in
};

Counts wycheproof(const char* file, std::size_t nonce_octets) {
  Counts counts;
  const json whole = vectors(file);
  for (const json& group : whole.at("testGroups"))
    for (const json& test : group.at("tests")) {
      const auto field = [&test](const char* name) { return unhex(test.at(name).get<std::string>()); };
      const Case c{field("key"), field("iv"), field("aad"), field("msg"), field("ct"), field("tag")};
      CAPTURE(test.at("tcId").get<int>());
      if (c.nonce.size() != nonce_octets) {
        CHECK(test.at("result") == "invalid");
        ++counts.other_nonce_length;
      } else if (test.at("result") == "valid") {
        CHECK(hex(seal(c)) == hex(c.sealed()));
        CHECK(open(c) == c.plain);
        ++counts.valid;
      } else {
        CHECK_FALSE(open(c));
        ++counts.invalid;
      }
    }
  return counts;
}

/// BoringSSL's files: lines of "NAME: hexadecimal" or "NAME: "text"", a blank line after each case.
std::vector<Case> boringssl(const char* file) {
  std::ifstream stream = vectors_stream(file);
  std::vector<Case> cases;
  std::map<std::string, Buffer> fields;
  const auto finish = [&] {
    if (!fields.empty())
      cases.push_back({fields["KEY"], fields["NONCE"], fields["AD"], fields["IN"], fields["CT"], fields["TAG"]});
    fields.clear();
  };
  for (std::string line; std::getline(stream, line);) {
    if (line.empty()) finish();
    if (line.empty() || line.front() == '#') continue;
    const std::size_t colon = line.find(':');
    REQUIRE(colon != std::string::npos);
    std::string value = colon + 2 <= line.size() ? line.substr(colon + 2) : "";
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      fields[line.substr(0, colon)] = Buffer(value.begin() + 1, value.end() - 1);
    else
      fields[line.substr(0, colon)] = unhex(value);
  }
  finish();
  return cases;
}

/// Of a truncated tag the sealed message has the beginning, and opening refuses it.
void check_boringssl(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    CAPTURE(hex(c.nonce));
    CAPTURE(hex(c.plain));
    const Buffer sealed = seal(c);
    CHECK(hex(sealed).starts_with(hex(c.sealed())));
    if (c.tag.size() == 16)
      CHECK(open(c) == c.plain);
    else
      CHECK_FALSE(open(c));
  }
}

Case rfc_case(const json& example) {
  const auto field = [&example](const char* name) { return unhex(example.at(name).get<std::string>()); };
  const Buffer sealed = field("ct_tag");
  const Buffer ciphertext(sealed.begin(), sealed.end() - 16);
  const Buffer tag(sealed.end() - 16, sealed.end());
  return {field("key"), field("nonce"), field("aad"), field("pt"), ciphertext, tag};
}

}  // namespace

TEST_CASE("Wycheproof, ChaCha20-Poly1305") {
  REQUIRE(crypto::initialise());
  const Counts counts = wycheproof("wycheproof/chacha20_poly1305_test.json", 12);
  CHECK(counts.valid == 256);
  CHECK(counts.invalid == 60);
  CHECK(counts.other_nonce_length == 9);
}

TEST_CASE("Wycheproof, XChaCha20-Poly1305") {
  const Counts counts = wycheproof("wycheproof/xchacha20_poly1305_test.json", 24);
  CHECK(counts.valid == 246);
  CHECK(counts.invalid == 60);
  CHECK(counts.other_nonce_length == 9);
}

TEST_CASE("BoringSSL, ChaCha20-Poly1305") {
  const std::vector<Case> cases = boringssl("rfc/boringssl-chacha20_poly1305_tests.txt");
  CHECK(cases.size() == 81);
  check_boringssl(cases);
}

TEST_CASE("BoringSSL, XChaCha20-Poly1305") {
  const std::vector<Case> cases = boringssl("rfc/boringssl-xchacha20_poly1305_tests.txt");
  CHECK(cases.size() == 52);
  check_boringssl(cases);
}

TEST_CASE("the examples of RFC 8439 2.8.2 and draft-irtf-cfrg-xchacha-03 A.3.1") {
  const json file = vectors("rfc/rfc-vectors.json");
  for (const char* name : {"chacha20poly1305_rfc8439_2_8_2", "xchacha20poly1305_a_3_1"}) {
    CAPTURE(name);
    const Case c = rfc_case(file.at(name));
    CHECK(hex(seal(c)) == hex(c.sealed()));
    CHECK(open(c) == c.plain);
  }
}
