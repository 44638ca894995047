// SPDX-License-Identifier: MIT
// Expected values: RFC 7693 where named; else Python: hashlib.blake2s(data, key=key, digest_size=16), and
// hmac.new(key, data, hashlib.blake2s), with bytes(i % 251 for i in range(n)) as data.
#include "hash.hpp"

#include <doctest/doctest.h>

#include "support.hpp"

using namespace culvert;
using namespace culvert::test;

namespace {

struct Expected {
  std::size_t key_octets;
  std::size_t octets;
  const char* digest;
};

}  // namespace

TEST_CASE("BLAKE2s of abc is that of RFC 7693 appendix B") {
  CHECK(hex(crypto::hash({text("abc")})) == "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
}

TEST_CASE("the hash is right on both sides of every block boundary") {
  const Expected expected[] = {
      {0, 0, "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9"},
      {0, 63, "e57cb79487dd57902432b250733813bd96a84efce59f650fac26e6696aefafc3"},
      {0, 64, "56f34e8b96557e90c1f24b52d0c89d51086acf1b00f634cf1dde9233b8eaaa3e"},
      {0, 65, "1b53ee94aaf34e4b159d48de352c7f0661d0a40edff95a0b1639b4090e974472"},
      {0, 127, "f18417b39d617ab1c18fdf91ebd0fc6d5516bb34cf39364037bce81fa04cecb1"},
      {0, 128, "1fa877de67259d19863a2a34bcc6962a2b25fcbf5cbecd7ede8f1fa36688a796"},
      {0, 129, "5bd169e67c82c2c2e98ef7008bdf261f2ddf30b1c00f9e7f275bb3e8a28dc9a2"},
      {0, 1000, "1c067a5e746fb0f6734efac9a8cdb0e11061f0077f255184365c690115392501"},
  };
  for (const Expected& e : expected) {
    CAPTURE(e.octets);
    CHECK(hex(crypto::hash({counting(e.octets)})) == e.digest);
  }
}

TEST_CASE("the hash of parts is the hash of the whole, wherever it is cut") {
  const std::vector<std::uint8_t> whole = counting(200);
  const std::string expected = hex(crypto::hash({whole}));
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    CAPTURE(cut);
    CHECK(hex(crypto::hash({Bytes(whole).first(cut), Bytes(whole).subspan(cut)})) == expected);
  }
  CHECK(hex(crypto::hash({Bytes{}, whole, Bytes{}})) == expected);
}

TEST_CASE("the initial chaining key and hash are those of the paper's two strings") {
  // From hashlib; the same two values stand in other implementations as constants.
  const Octets<32> chaining_key = crypto::hash({text("Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s")});
  CHECK(hex(chaining_key) == "60e26daef327efc02ec335e2a025d2d016eb4206f87277f52d38d1988b78cd36");
  CHECK(hex(crypto::hash({chaining_key, text("WireGuard v1 zx2c4 Jason@zx2c4.com")})) ==
        "2211b361081ac566691243db458ad5322d9c6c662293e8b70ee19c65ba079ef3");
}

TEST_CASE("the keyed hash of 16 octets takes keys of 1 to 32 octets") {
  const Expected expected[] = {
      {1, 0, "95714fec355dea0dda4da4bebf429e17"},     {32, 0, "1b7fb3c33429a975524ac696a8d8070c"},
      {32, 63, "99fb49c77e2244379631b5f1f69abf50"},   {32, 64, "5011f396858435d2f64bb42387c38f4e"},
      {32, 116, "57dc0e6cdcd13dfea0bf22173b0f3f1e"},  {16, 132, "753816650c76b2f3ed04df2de1a521ab"},
      {32, 1000, "33b4f12d62bd61effe62b7bd124acd22"},
  };
  for (const Expected& e : expected) {
    CAPTURE(e.key_octets);
    CAPTURE(e.octets);
    CHECK(hex(crypto::mac(counting(e.key_octets, 1), {counting(e.octets)})) == e.digest);
  }
}

TEST_CASE("HMAC takes keys below, at and above the block length") {
  const Expected expected[] = {
      {0, 0, "eaf4bb25938f4d20e72656bbbc7a9bf63c0c18537333c35bdb67db1402661acd"},
      {1, 1, "2c463acb9ef603333b173321a3ff0d7f7a562d569db0efb9a5cad61f6e0792cf"},
      {32, 0, "e2641d24dfa8dd89e8cb77f1cdc77d8c006e5bebdfc4d6a3a3a6f8d5b7586fb0"},
      {32, 32, "8d2cc42fc1055ea43277dfd5d35d3863b228f9cc0c02007dc2afb20907bd7312"},
      {63, 64, "8c8410ad3a4231a2266871d16724f397a05850e4d71f005e48433d739288d75d"},
      {64, 200, "690ee478866a3698f0ed2e87e8b25fcb63e56f6c2e6baa69acec75b6d645d1ae"},
      {65, 10, "cea036be11cff046d088bf296fc25a467d05a661d95908c289f6ab9133a5f423"},
      {200, 10, "a5cde1018866c5738ed9b4a0e064b92947a1f78c4ada7a450b2b25786811a7e4"},
  };
  for (const Expected& e : expected) {
    CAPTURE(e.key_octets);
    CAPTURE(e.octets);
    CHECK(hex(crypto::hmac(counting(e.key_octets), {counting(e.octets)}).bytes()) == e.digest);
  }
}

TEST_CASE("HMAC of parts is HMAC of the whole") {
  const std::vector<std::uint8_t> whole = counting(100);
  CHECK(hex(crypto::hmac(counting(32), {Bytes(whole).first(33), Bytes(whole).subspan(33)}).bytes()) ==
        hex(crypto::hmac(counting(32), {whole}).bytes()));
}

TEST_CASE("KDF1, KDF2 and KDF3 are prefixes of one chain") {
  struct Chain {
    std::vector<std::uint8_t> input;
    const char* outputs[3];
  };
  const Chain chains[] = {
      {{},
       {"7a38c34bf2b8738d7374ca77c44ecb309a11d2b2528304fa86052c365e722624",
        "1a17621f346abdc520746a9fb64d8eb03231d674fc15687537b0780fd9c060fd",
        "4eaf02809ac4b930ef63479de62275f1c55656e61f78a3cc653c18a2223d6c5f"}},
      {counting(32, 100),
       {"e3b7e038799447459d13f6cc03b71555c0b32ee93354ebe4526ec98bc53b20a4",
        "ca06d8e46b509266c7c0594805ffb9c256348a33c642381348f047e452d239e2",
        "5ee952936bec1473c13db1cc92b8d8ba5ad2df7c77f07478731d48aa5530a000"}},
  };
  const auto key = secret<32>("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  for (const Chain& chain : chains) {
    const auto one = crypto::kdf<1>(key, chain.input);
    const auto two = crypto::kdf<2>(key, chain.input);
    const auto three = crypto::kdf<3>(key, chain.input);
    CHECK(hex(one[0].bytes()) == chain.outputs[0]);
    for (std::size_t i = 0; i < 2; ++i) CHECK(hex(two[i].bytes()) == chain.outputs[i]);
    for (std::size_t i = 0; i < 3; ++i) CHECK(hex(three[i].bytes()) == chain.outputs[i]);
  }
}
