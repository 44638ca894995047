// SPDX-License-Identifier: MIT
// How a train is cut into slots and a slot into its three parts: the same for every backend.
#pragma once

#include <algorithm>

#include "aead.hpp"
#include "nonce.hpp"

namespace culvert::crypto {

inline constexpr std::size_t kSmallestSlot = kDataHeaderOctets + kTagOctets;
inline constexpr std::size_t kCounterOffset = 8;  // in the header [W 5.4.6]

/// Views of one data message. borrowed: from the train, within one call.
struct Slot {
  std::span<const std::uint8_t, kDataHeaderOctets> header;
  MutBytes body;  // plaintext or ciphertext
  std::span<std::uint8_t, kTagOctets> tag;

  explicit Slot(MutBytes octets) noexcept
      : header(octets.first<kDataHeaderOctets>()),
        body(octets.subspan(kDataHeaderOctets, octets.size() - kSmallestSlot)),
        tag(octets.last<kTagOctets>()) {}

  [[nodiscard]] le64 counter_of_header() const noexcept {
    Octets<8> counter;
    std::copy_n(header.begin() + kCounterOffset, counter.size(), counter.begin());
    return std::bit_cast<le64>(counter);
  }
};

/// Compares in constant time. libsodium's comparison for 16 octets takes a fifth of `ct_equal`'s time.
[[nodiscard]] inline bool same_tag(const Octets<kTagOctets>& a, std::span<const std::uint8_t, kTagOctets> b) noexcept {
  return crypto_verify_16(a.data(), b.data()) == 0;
}

[[nodiscard]] inline std::size_t slot_count(MutBytes train, std::size_t stride) noexcept {
  return (train.size() + stride - 1) / stride;
}

/// Slot i of a train. Its octets may be fewer than `stride` if it is the last.
[[nodiscard]] inline MutBytes slot_octets(MutBytes train, std::size_t stride, std::size_t i) noexcept {
  return train.subspan(i * stride, std::min(stride, train.size() - i * stride));
}

/// Calls seal_one(slot, nonce) for each slot.
template <class SealOne>
void seal_slots(std::uint64_t first, MutBytes train, std::size_t stride, SealOne seal_one) noexcept {
  for (std::size_t i = 0, n = slot_count(train, stride); i < n; ++i)
    seal_one(Slot(slot_octets(train, stride, i)), make_nonce(first + i));
}

/// Calls bool open_one(slot, nonce) for each slot, and zeroes what it did not open. A tail too short for a data
/// message is refused: it came from the network.
template <class OpenOne>
void open_slots(MutBytes train, std::size_t stride, std::span<std::uint8_t> opened, OpenOne open_one) noexcept {
  for (std::size_t i = 0; i < opened.size(); ++i) {
    opened[i] = 0;
    const MutBytes octets = slot_octets(train, stride, i);
    if (octets.size() < kSmallestSlot) continue;
    const Slot slot(octets);
    if (open_one(slot, make_nonce(slot.counter_of_header())))
      opened[i] = 1;
    else if (!slot.body.empty())
      sodium_memzero(slot.body.data(), slot.body.size());
  }
}

}  // namespace culvert::crypto
