// SPDX-License-Identifier: MIT
// The vectors of aead_lanes.cpp: their types, their shuffles, and the two transpositions between a vector a word (for
// arithmetic) and a vector a slot (for memory).
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "aead.hpp"

// These instructions exist in the functions so marked alone: the rest of the program runs on any processor.
#define CULVERT_VECTORS_OF_512 gnu::target("avx512f,avx512bw,avx512dq,avx512ifma")
#define CULVERT_LANES [[CULVERT_VECTORS_OF_512, gnu::always_inline]] inline

namespace culvert::crypto::lanes {

constexpr std::size_t kLanes = 16;
constexpr std::size_t kBlockOctets = 64;

// The compilers' own vector types, with the operators of numbers, lane by lane.
using Words = std::uint32_t __attribute__((vector_size(64)));  // 16 lanes
using Longs = std::uint64_t __attribute__((vector_size(64)));  // 8 lanes
using HalfWords = std::uint32_t __attribute__((vector_size(32)));

struct Words16 {
  Words v[16];
};
struct Longs8 {
  Longs v[8];
};

/// The same 512 bits, seen as lanes of another width.
template <class To, class From>
CULVERT_LANES To as(From vector) noexcept {
  static_assert(sizeof(To) == sizeof(From));
  To result;
  std::memcpy(&result, &vector, sizeof result);
  return result;
}

// Shuffles by the names of the instructions that they are.
CULVERT_LANES Words unpack_low(Words a, Words b) noexcept {
  return __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
}
CULVERT_LANES Words unpack_high(Words a, Words b) noexcept {
  return __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
}
CULVERT_LANES Longs unpack_low(Longs a, Longs b) noexcept {
  return __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14);
}
CULVERT_LANES Longs unpack_high(Longs a, Longs b) noexcept {
  return __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
}
CULVERT_LANES Longs even_quarters(Longs a, Longs b) noexcept {
  return __builtin_shufflevector(a, b, 0, 1, 4, 5, 8, 9, 12, 13);
}
CULVERT_LANES Longs odd_quarters(Longs a, Longs b) noexcept {
  return __builtin_shufflevector(a, b, 2, 3, 6, 7, 10, 11, 14, 15);
}

/// The four 128-bit quarters of four vectors, transposed.
CULVERT_LANES void transpose_quarters(const Longs (&in)[4], Longs& out0, Longs& out1, Longs& out2,
                                      Longs& out3) noexcept {
  const Longs even01 = even_quarters(in[0], in[1]);
  const Longs even23 = even_quarters(in[2], in[3]);
  const Longs odd01 = odd_quarters(in[0], in[1]);
  const Longs odd23 = odd_quarters(in[2], in[3]);
  out0 = even_quarters(even01, even23);
  out1 = even_quarters(odd01, odd23);
  out2 = odd_quarters(even01, even23);
  out3 = odd_quarters(odd01, odd23);
}

struct Rows {
  Longs v[kLanes];  // 64 octets of each lane
};

/// From word w of every lane in vector w to the 16 words of lane l in vector l.
CULVERT_LANES Rows rows_of_words(const Words16& words) noexcept {
  Longs quarters[4][4];  // [lane % 4][word / 4]: words 4g to 4g + 3 of lanes k, 4 + k, 8 + k, 12 + k
#pragma GCC unroll 4
  for (std::size_t g = 0; g < 4; ++g) {
    const Words* w = words.v + 4 * g;
    const auto low01 = as<Longs>(unpack_low(w[0], w[1]));
    const auto high01 = as<Longs>(unpack_high(w[0], w[1]));
    const auto low23 = as<Longs>(unpack_low(w[2], w[3]));
    const auto high23 = as<Longs>(unpack_high(w[2], w[3]));
    quarters[0][g] = unpack_low(low01, low23);
    quarters[1][g] = unpack_high(low01, low23);
    quarters[2][g] = unpack_low(high01, high23);
    quarters[3][g] = unpack_high(high01, high23);
  }
  Rows rows;
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) transpose_quarters(quarters[k], rows.v[k], rows.v[4 + k], rows.v[8 + k], rows.v[12 + k]);
  return rows;
}

/// From rows of eight lanes to vectors of which the k-th holds 64-bit word k of each.
CULVERT_LANES Longs8 words_of_rows(const Longs* rows) noexcept {
  Longs even[4];
  Longs odd[4];
#pragma GCC unroll 4
  for (std::size_t p = 0; p < 4; ++p) {
    even[p] = unpack_low(rows[2 * p], rows[2 * p + 1]);
    odd[p] = unpack_high(rows[2 * p], rows[2 * p + 1]);
  }
  Longs8 words;
  transpose_quarters(even, words.v[0], words.v[2], words.v[4], words.v[6]);
  transpose_quarters(odd, words.v[1], words.v[3], words.v[5], words.v[7]);
  return words;
}

/// Two word vectors as 64-bit lanes: those of lanes 0 to 7.
CULVERT_LANES Longs lower_lanes(Words low, Words high) noexcept {
  const HalfWords l = __builtin_shufflevector(low, low, 0, 1, 2, 3, 4, 5, 6, 7);
  const HalfWords h = __builtin_shufflevector(high, high, 0, 1, 2, 3, 4, 5, 6, 7);
  return __builtin_convertvector(l, Longs) | __builtin_convertvector(h, Longs) << 32;
}
/// And those of lanes 8 to 15.
CULVERT_LANES Longs upper_lanes(Words low, Words high) noexcept {
  const HalfWords l = __builtin_shufflevector(low, low, 8, 9, 10, 11, 12, 13, 14, 15);
  const HalfWords h = __builtin_shufflevector(high, high, 8, 9, 10, 11, 12, 13, 14, 15);
  return __builtin_convertvector(l, Longs) | __builtin_convertvector(h, Longs) << 32;
}

}  // namespace culvert::crypto::lanes
