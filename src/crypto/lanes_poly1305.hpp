// SPDX-License-Identifier: MIT
// Eight one-time authenticators side by side [RFC 8439 2.5].
//
// Numbers modulo 2^130 - 5 lie in three limbs of 44, 44 and 42 bits, because the processor multiplies 52 bits by 52:
// there is room for sums of a few limbs and for a factor of 20 before anything has to be carried.
#pragma once

#include "lanes_vectors.hpp"

namespace culvert::crypto::lanes {

/// A number below 2^130 or a little above in each of eight lanes: limbs of 44, 44 and 42 bits.
struct Limbs {
  Longs l0, l1, l2;
};

constexpr std::uint64_t kMask44 = (std::uint64_t{1} << 44) - 1;
constexpr std::uint64_t kMask42 = (std::uint64_t{1} << 42) - 1;

/// The 128-bit number of two 64-bit halves.
CULVERT_LANES Limbs limbs_of(Longs low, Longs high) noexcept {
  return {low & kMask44, (low >> 44 | high << 20) & kMask44, high >> 24};
}

/// Eight Poly1305 states [RFC 8439 2.5].
struct Poly {
  Limbs h;              // the accumulator: between two blocks below 2^44, 2^44 + 2^8 and 2^42
  Limbs r;              // the key's clamped half
  Longs r1_20, r2_20;   // r1 and r2 times 20, which 2^132 is modulo 2^130 - 5
  Longs s_low, s_high;  // the key's other half
};

CULVERT_LANES Longs times5(Longs x) noexcept { return x + (x << 2); }

CULVERT_LANES Poly poly_keyed(Longs r_low, Longs r_high, Longs s_low, Longs s_high) noexcept {
  const Limbs r = limbs_of(r_low & 0x0ffffffc0fffffff, r_high & 0x0ffffffc0ffffffc);
  const Longs zero{};
  return {{zero, zero, zero}, r, times5(r.l1) << 2, times5(r.l2) << 2, s_low, s_high};
}

// The low and the high 52 bits of the 104 of a product, added to a sum.
CULVERT_LANES void add_low(Longs& sum, Longs a, Longs b) noexcept {
  sum = as<Longs>(_mm512_madd52lo_epu64(as<__m512i>(sum), as<__m512i>(a), as<__m512i>(b)));
}
CULVERT_LANES void add_high(Longs& sum, Longs a, Longs b) noexcept {
  sum = as<Longs>(_mm512_madd52hi_epu64(as<__m512i>(sum), as<__m512i>(a), as<__m512i>(b)));
}
CULVERT_LANES void add_product(Longs& low, Longs& high, Longs a, Longs b) noexcept {
  add_low(low, a, b);
  add_high(high, a, b);
}

/// h = (h + block + 2^128) * r, carried so far that the next block fits.
CULVERT_LANES void absorb(Poly& p, Longs low, Longs high) noexcept {
  const Limbs block = limbs_of(low, high);
  const Longs h0 = p.h.l0 + block.l0;
  const Longs h1 = p.h.l1 + block.l1;
  const Longs h2 = p.h.l2 + (block.l2 | std::uint64_t{1} << 40);

  Longs low0{}, low1{}, low2{}, high0{}, high1{}, high2{};
  add_product(low0, high0, h0, p.r.l0);
  add_product(low1, high1, h0, p.r.l1);
  add_product(low2, high2, h0, p.r.l2);
  add_product(low0, high0, h1, p.r2_20);
  add_product(low1, high1, h1, p.r.l0);
  add_product(low2, high2, h1, p.r.l1);
  add_product(low0, high0, h2, p.r1_20);
  add_product(low1, high1, h2, p.r2_20);
  add_product(low2, high2, h2, p.r.l0);

  // The high sums count 2^52, so 2^8 times the next limb's weight.
  low1 += (low0 >> 44) + (high0 << 8);
  low2 += (low1 >> 44) + (high1 << 8);
  // Above 2^130: the rest of limb 2, and high2 at 2^(88 + 52), which is 2^10 times 2^130.
  const Longs over = (low2 >> 42) + (high2 << 10);
  low0 = (low0 & kMask44) + times5(over);
  p.h = {low0 & kMask44, (low1 & kMask44) + (low0 >> 44), low2 & kMask42};
}

/// Carries every limb once; after two of these h is below 2^130 with exact limbs.
CULVERT_LANES void carry(Limbs& h) noexcept {
  h.l1 += h.l0 >> 44;
  h.l2 += h.l1 >> 44;
  h.l0 = (h.l0 & kMask44) + times5(h.l2 >> 42);
  h.l1 &= kMask44;
  h.l2 &= kMask42;
}

struct Tags {
  Longs low, high;
};

/// (h mod 2^130 - 5) + s, modulo 2^128.
CULVERT_LANES Tags finished(const Poly& p) noexcept {
  Limbs h = p.h;
  carry(h);
  carry(h);
  // h - (2^130 - 5), taken where it is not negative.
  const Longs g0 = h.l0 + 5;
  const Longs g1 = h.l1 + (g0 >> 44);
  const Longs g2 = h.l2 + (g1 >> 44) - (std::uint64_t{1} << 42);
  const Longs negative = -(g2 >> 63);  // all ones or all zeros
  h.l0 = (h.l0 & negative) | (g0 & kMask44 & ~negative);
  h.l1 = (h.l1 & negative) | (g1 & kMask44 & ~negative);
  h.l2 = (h.l2 & negative) | (g2 & ~negative);

  const Longs low = (h.l0 | h.l1 << 44) + p.s_low;
  const auto carried = as<Longs>(low < p.s_low);  // all ones is -1
  return {low, (h.l1 >> 20 | h.l2 << 24) + p.s_high - carried};
}

}  // namespace culvert::crypto::lanes
