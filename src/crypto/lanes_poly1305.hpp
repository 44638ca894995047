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

CULVERT_LANES Longs times5(Longs x) noexcept { return x + (x << 2); }

/// What a sum is multiplied by: a power of r.
struct Factor {
  Limbs r;
  Longs r1_20, r2_20;  // limbs 1 and 2 times 20, which 2^132 is modulo 2^130 - 5
};

CULVERT_LANES Factor factor_of(const Limbs& r) noexcept { return {r, times5(r.l1) << 2, times5(r.l2) << 2}; }

// The low and the high 52 bits of the 104 of a product, added to a sum.
CULVERT_LANES void add_low(Longs& sum, Longs a, Longs b) noexcept {
  sum = as<Longs>(_mm512_madd52lo_epu64(as<__m512i>(sum), as<__m512i>(a), as<__m512i>(b)));
}
CULVERT_LANES void add_high(Longs& sum, Longs a, Longs b) noexcept {
  sum = as<Longs>(_mm512_madd52hi_epu64(as<__m512i>(sum), as<__m512i>(a), as<__m512i>(b)));
}

/// Products before anything is carried: of each limb the low halves, and the high ones, which count 2^52. Two products
/// of a sum below 2^45 in each limb and a factor fit.
struct Products {
  Longs low0{}, low1{}, low2{};
  Longs high0{}, high1{}, high2{};
};

CULVERT_LANES void add_product(Longs& low, Longs& high, Longs a, Longs b) noexcept {
  add_low(low, a, b);
  add_high(high, a, b);
}
CULVERT_LANES void add_product(Products& p, const Limbs& h, const Factor& factor) noexcept {
  const Limbs& r = factor.r;
  add_product(p.low0, p.high0, h.l0, r.l0);
  add_product(p.low1, p.high1, h.l0, r.l1);
  add_product(p.low2, p.high2, h.l0, r.l2);
  add_product(p.low0, p.high0, h.l1, factor.r2_20);
  add_product(p.low1, p.high1, h.l1, r.l0);
  add_product(p.low2, p.high2, h.l1, r.l1);
  add_product(p.low0, p.high0, h.l2, factor.r1_20);
  add_product(p.low1, p.high1, h.l2, factor.r2_20);
  add_product(p.low2, p.high2, h.l2, r.l0);
}

/// Carried so far that a block can be added, and be multiplied: below 2^44, 2^44 + 2^8 and 2^42.
CULVERT_LANES Limbs carried(Products p) noexcept {
  // The high sums count 2^52, so 2^8 times the next limb's weight.
  p.low1 += (p.low0 >> 44) + (p.high0 << 8);
  p.low2 += (p.low1 >> 44) + (p.high1 << 8);
  // Above 2^130: the rest of limb 2, and high2 at 2^(88 + 52), which is 2^10 times 2^130.
  const Longs over = (p.low2 >> 42) + (p.high2 << 10);
  p.low0 = (p.low0 & kMask44) + times5(over);
  return {p.low0 & kMask44, (p.low1 & kMask44) + (p.low0 >> 44), p.low2 & kMask42};
}

/// Eight Poly1305 states [RFC 8439 2.5].
struct Poly {
  Limbs h;              // the accumulator, as `carried` leaves it
  Factor r, r_squared;  // of the key's clamped half
  Longs s_low, s_high;  // the key's other half
};

CULVERT_LANES Poly poly_keyed(Longs r_low, Longs r_high, Longs s_low, Longs s_high) noexcept {
  const Factor r = factor_of(limbs_of(r_low & 0x0ffffffc0fffffff, r_high & 0x0ffffffc0ffffffc));
  Products square;
  add_product(square, r.r, r);
  const Longs zero{};
  return {{zero, zero, zero}, r, factor_of(carried(square)), s_low, s_high};
}

/// A block of 16 octets with the bit behind it.
CULVERT_LANES Limbs block_of(Longs low, Longs high) noexcept {
  const Limbs block = limbs_of(low, high);
  return {block.l0, block.l1, block.l2 | std::uint64_t{1} << 40};
}

CULVERT_LANES Limbs sum_of(const Limbs& a, const Limbs& b) noexcept { return {a.l0 + b.l0, a.l1 + b.l1, a.l2 + b.l2}; }

/// h = (h + block) * r
CULVERT_LANES void absorb(Poly& p, Longs low, Longs high) noexcept {
  Products products;
  add_product(products, sum_of(p.h, block_of(low, high)), p.r);
  p.h = carried(products);
}

/// h = ((h + first) * r + second) * r, where only one product waits for h, and both are carried at once.
CULVERT_LANES void absorb_two(Poly& p, Longs first_low, Longs first_high, Longs second_low,
                              Longs second_high) noexcept {
  Products products;
  add_product(products, block_of(second_low, second_high), p.r);
  add_product(products, sum_of(p.h, block_of(first_low, first_high)), p.r_squared);
  p.h = carried(products);
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
