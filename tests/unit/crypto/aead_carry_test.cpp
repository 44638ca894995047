// SPDX-License-Identifier: MIT
// Packets that libipsec-mb 1.3 seals with a wrong tag by its code for AVX-512 without IFMA. They were found by random
// search, one in some 5 million; the right tags are libsodium's.
#include <doctest/doctest.h>

#include <algorithm>

#include "aead_backends.hpp"
#include "ipsec_mb.hpp"
#include "support.hpp"

using namespace culvert;
using crypto::MbCode;

namespace {

/// Octets of zero, sealed under counter 0 without associated data.
struct Packet {
  std::size_t octets;
  std::string_view key;
  std::string_view tag;
};
constexpr Packet kPackets[] = {
    {1440, "9f2e94a258bbe7608276d6b36c586c57a631603150d9f32ade74ec320dd3ede4", "5f309ee1dec74042e09a0e0e8c6bf462"},
    {1024, "430747a48213ac762bd0a0cf8eacc96a79345ad163f3473557523fe29687a615", "3c22774dcd07f0bbc636f1504feb8019"},
    {1024, "4d38212b1d233b9cb2fbb41b7cf657837a9eed88044bc7744787e4ed77b6c1ab", "f0d378b63184a920fdfa553a2d111952"},
};

/// The bits of libipsec-mb's list of features that say AVX-512 F, and IFMA.
constexpr std::uint64_t kAvx512F = 0x80;
constexpr std::uint64_t kIfma = 0x20000;

}  // namespace

TEST_CASE("the code is AVX2's on a processor with AVX-512 but without IFMA, and the best everywhere else") {
  constexpr std::uint64_t kUpToAvx2 = 0x7f;
  constexpr std::uint64_t kWholeAvx512 = 0xf80;  // F, DQ, CD, BW, VL
  constexpr std::uint64_t kGfni = 0x10000;
  CHECK(crypto::trusted_code(kUpToAvx2) == MbCode::best);                                 // Haswell
  CHECK(crypto::trusted_code(kUpToAvx2 | kGfni) == MbCode::best);                         // Alder Lake
  CHECK(crypto::trusted_code(kUpToAvx2 | kWholeAvx512) == MbCode::avx2);                  // Skylake-X
  CHECK(crypto::trusted_code(kUpToAvx2 | kAvx512F) == MbCode::avx2);                      // Knights Landing
  CHECK(crypto::trusted_code(kUpToAvx2 | kWholeAvx512 | kIfma) == MbCode::best);          // Cannon Lake
  CHECK(crypto::trusted_code(kUpToAvx2 | kWholeAvx512 | kIfma | kGfni) == MbCode::best);  // Ice Lake, Zen 4
}

TEST_CASE("every backend seals and opens the packets that lost a carry") {
  for (const crypto::AeadBackend* backend : crypto::available_backends()) {
    for (const Packet& packet : kPackets) {
      CAPTURE(backend->name());
      CAPTURE(packet.octets);
      const auto key = test::secret<32>(packet.key);
      // Sixteen of them, so that a backend with lanes puts them there; the first has counter 0.
      const std::size_t stride = packet.octets + 32;
      std::vector<std::uint8_t> train(16 * stride);
      backend->seal_train(key, 0, train, stride);
      CHECK(test::hex(Bytes(train).subspan(stride - 16, 16)) == packet.tag);
      std::vector<std::uint8_t> opened(1);
      backend->open_train(key, MutBytes(train).first(stride), stride, opened);
      CHECK(opened[0] == 1);
    }
  }
}

TEST_CASE("as on a processor without IFMA, libipsec-mb is driven by code that does not lose the carry") {
  if ((crypto::mb_features() & kAvx512F) == 0) {
    MESSAGE("this processor or build cannot run the code in question: it needs libipsec-mb and AVX-512");
    return;
  }
  const crypto::MbManager manager = crypto::make_mb_manager(kIfma);
  REQUIRE(manager != nullptr);
  for (const Packet& packet : kPackets) {
    CAPTURE(packet.octets);
    std::vector<std::uint8_t> body(packet.octets);
    Octets<16> tag{};
    crypto::run_mb_job(*manager, crypto::MbJob::seal, test::secret<32>(packet.key), crypto::make_nonce(0), body, tag);
    CHECK(test::hex(tag) == packet.tag);
  }
}
