// SPDX-License-Identifier: MIT
// libipsec-mb's manager of jobs: which one may be used on which processor, and one job of it.
//
// libipsec-mb 1.3 has a Poly1305 for AVX-512 without IFMA (Skylake-X, Cascade Lake, Cooper Lake) that loses a carry:
// about one packet of 1,440 octets in 2.5 million gets a wrong tag, and an authentic one is refused as often. No self-
// test of bearable length sees that, so the choice goes by the processor's features: there the library's AVX2 code is
// taken, which has no such fault. 97 million packets of 1 to 1,440 octets agreed between AVX2 and the code for IFMA,
// and tests/unit/crypto/aead_carry_test.cpp keeps a packet that the faulty code gets wrong.
#pragma once

#include <memory>

#include "aead.hpp"
#include "nonce.hpp"

struct IMB_MGR;

namespace culvert::crypto {

/// Bits of libipsec-mb's set of processor features.
inline constexpr std::uint64_t kMbAvx512F = std::uint64_t{1} << 7;
inline constexpr std::uint64_t kMbAvx512Ifma = std::uint64_t{1} << 17;

enum class MbCode : std::uint8_t { best, avx2 };

/// Which of the library's code gives right tags on a processor with these features: AVX2's where there is AVX-512
/// without IFMA, else the best that it has.
[[nodiscard]] constexpr MbCode trusted_code(std::uint64_t features) noexcept {
  return (features & kMbAvx512F) != 0 && (features & kMbAvx512Ifma) == 0 ? MbCode::avx2 : MbCode::best;
}

struct FreeMbManager {
  void operator()(IMB_MGR* manager) const noexcept;
};
using MbManager = std::unique_ptr<IMB_MGR, FreeMbManager>;

/// A ring of jobs; for one thread at a time. Empty when memory, a processor feature or the library is missing.
/// \param absent  features that count as missing, to see on one processor what another would do.
[[nodiscard]] MbManager make_mb_manager(std::uint64_t absent = 0) noexcept;

/// The features that the library found; 0 without the library.
[[nodiscard]] std::uint64_t mb_features() noexcept;

enum class MbJob : std::uint8_t { seal, open };

/// Seals or opens `body` in place, and writes the tag that belongs to the ciphertext.
void run_mb_job(IMB_MGR& manager, MbJob job, const Secret<32>& key, const Nonce& nonce, MutBytes body,
                std::span<std::uint8_t, kTagOctets> tag) noexcept;

}  // namespace culvert::crypto
