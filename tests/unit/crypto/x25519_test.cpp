// SPDX-License-Identifier: MIT
#include "x25519.hpp"

#include <doctest/doctest.h>

#include <utility>

#include "support.hpp"

using namespace culvert;
using namespace culvert::test;

namespace {

PrivateKey private_key(std::string_view hexadecimal) { return {secret<32>(hexadecimal)}; }
PublicKey public_point(std::string_view hexadecimal) { return {unhex_array<32>(hexadecimal)}; }

std::string shared(std::string_view scalar, std::string_view point) {
  Secret<32> result;
  if (!crypto::x25519(private_key(scalar), public_point(point), result)) return "refused";
  return hex(result.bytes());
}

/// Octets 0xff, or what the test says, so that every bit that clamping must clear is set.
class FixedEntropy final : public Entropy {
 public:
  explicit FixedEntropy(std::uint8_t octet) : octet_(octet) {}
  void fill(MutBytes out) noexcept override {
    for (std::uint8_t& o : out) o = octet_;
  }

 private:
  std::uint8_t octet_;
};

}  // namespace

TEST_CASE("the two scalar multiplications of RFC 7748 5.2") {
  CHECK(shared("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
               "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c") ==
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
  // The top bit of this u coordinate is set, and must be ignored.
  CHECK(shared("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
               "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493") ==
        "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
}

TEST_CASE("a thousand iterations of RFC 7748 5.2") {
  std::string k = "0900000000000000000000000000000000000000000000000000000000000000";
  std::string u = k;
  for (int i = 0; i < 1000; ++i) {
    std::string next = shared(k, u);
    u = std::exchange(k, std::move(next));
    if (i == 0) REQUIRE(k == "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
  }
  CHECK(k == "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

TEST_CASE("the key agreement of RFC 7748 6.1, both sides") {
  const PrivateKey alice = private_key("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  const PrivateKey bob = private_key("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  const PublicKey alices = crypto::public_key(alice);
  const PublicKey bobs = crypto::public_key(bob);
  CHECK(hex(alices.octets) == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  CHECK(hex(bobs.octets) == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  for (const auto& [mine, theirs] : {std::pair{&alice, &bobs}, std::pair{&bob, &alices}}) {
    Secret<32> result;
    REQUIRE(crypto::x25519(*mine, *theirs, result));
    CHECK(hex(result.bytes()) == "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
  }
}

TEST_CASE("a low-order public key is refused, and the shared secret wiped") {
  // The seven encodings of points of order 1, 2, 4 and 8 that a peer could send with the top bit clear.
  const char* points[] = {
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0100000000000000000000000000000000000000000000000000000000000000",
      "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
      "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  };
  const PrivateKey mine = private_key("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  for (const char* point : points) {
    CAPTURE(point);
    for (const std::uint8_t top_bit : Octets<2>{0x00, 0x80}) {
      PublicKey theirs = public_point(point);
      theirs.octets[31] |= top_bit;
      auto result = secret<32>("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff");
      CHECK_FALSE(crypto::x25519(mine, theirs, result));
      CHECK(hex(result.bytes()) == "0000000000000000000000000000000000000000000000000000000000000000");
    }
  }
}

TEST_CASE("a generated key is clamped") {
  FixedEntropy ones(0xff);
  CHECK(hex(crypto::generate_private_key(ones).secret.bytes()) ==
        "f8ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
  FixedEntropy zeros(0x00);
  CHECK(hex(crypto::generate_private_key(zeros).secret.bytes()) ==
        "0000000000000000000000000000000000000000000000000000000000000040");
}

TEST_CASE("clamping does not change the public key") {
  PrivateKey key = private_key("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff");
  const PublicKey before = crypto::public_key(key);
  crypto::clamp(key);
  CHECK(crypto::public_key(key) == before);
  CHECK(hex(before.octets) == "847c0d2c375234f365e660955187a3735a0f7613d1609d3a6a4d8c53aeaa5a22");
}
