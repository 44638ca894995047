// SPDX-License-Identifier: MIT
// Sixteen ChaCha20 block functions side by side, under one key and sixteen nonces.
#pragma once

#include "lanes_vectors.hpp"

namespace culvert::crypto::lanes {

struct Counters {
  std::uint32_t low[kLanes];
  std::uint32_t high[kLanes];
};

CULVERT_LANES Words16 starting_state(const std::uint8_t* key, const Counters& counters) noexcept {  // [RFC 8439 2.3]
  constexpr std::uint32_t kConstants[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
  Words16 start{};  // word 12 is the block's number, word 13 zeros of the nonce
  for (int w = 0; w < 4; ++w) start.v[w] += kConstants[w];
  for (int w = 0; w < 8; ++w) {
    std::uint32_t word = 0;
    std::memcpy(&word, key + 4 * w, sizeof word);
    start.v[4 + w] += word;
  }
  std::memcpy(&start.v[14], counters.low, sizeof(Words));
  std::memcpy(&start.v[15], counters.high, sizeof(Words));
  return start;
}

template <int bits>
CULVERT_LANES Words rotated(Words x) noexcept {
  return x << bits | x >> (32 - bits);
}

CULVERT_LANES void quarter_round(Words& a, Words& b, Words& c, Words& d) noexcept {  // [RFC 8439 2.1]
  a += b;
  d = rotated<16>(d ^ a);
  c += d;
  b = rotated<12>(b ^ c);
  a += b;
  d = rotated<8>(d ^ a);
  c += d;
  b = rotated<7>(b ^ c);
}

/// One block of key stream for every lane [RFC 8439 2.3]: word w of each in vector w.
CULVERT_LANES Words16 chacha_block(const Words16& start, std::uint32_t block) noexcept {
  Words16 s = start;
  s.v[12] += block;
  for (int round = 0; round < 10; ++round) {
    quarter_round(s.v[0], s.v[4], s.v[8], s.v[12]);
    quarter_round(s.v[1], s.v[5], s.v[9], s.v[13]);
    quarter_round(s.v[2], s.v[6], s.v[10], s.v[14]);
    quarter_round(s.v[3], s.v[7], s.v[11], s.v[15]);
    quarter_round(s.v[0], s.v[5], s.v[10], s.v[15]);
    quarter_round(s.v[1], s.v[6], s.v[11], s.v[12]);
    quarter_round(s.v[2], s.v[7], s.v[8], s.v[13]);
    quarter_round(s.v[3], s.v[4], s.v[9], s.v[14]);
  }
#pragma GCC unroll 16
  for (int w = 0; w < 16; ++w) s.v[w] += start.v[w];
  s.v[12] += block;
  return s;
}

}  // namespace culvert::crypto::lanes
