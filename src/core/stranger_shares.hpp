// SPDX-License-Identifier: MIT
#pragma once

#include <culvert/address.hpp>
#include <culvert/entropy.hpp>
#include <culvert/time.hpp>

#include "params.hpp"

namespace culvert {

/// Token buckets for senders that have proved nothing, not even their address: 20 a second, burst 5, for each bucket,
/// and the buckets are few and fixed. Which one an address (IPv4, or IPv6 /64) falls into follows from a hash under a
/// random key, so who floods from some addresses takes the share of few others, and nobody can choose whose. It costs
/// one SipHash a message, and never memory.
class StrangerShares {
 public:
  static constexpr std::size_t kBuckets = 2048;

  /// \param seed  16 random octets.
  explicit StrangerShares(const Octets<16>& seed) noexcept : seed_(seed) {}

  /// Takes a token if there is one.
  [[nodiscard]] bool take(Instant now, const IpAddress& from) noexcept;
  /// The same, but only of a full bucket: from whom nothing came lately.
  [[nodiscard]] bool take_of_full(Instant now, const IpAddress& from) noexcept;

 private:
  [[nodiscard]] Instant& bucket_of(const IpAddress& from) noexcept;

  Octets<16> seed_;
  // A bucket is the instant at which it will be full again: at most a burst's worth in the future.
  std::array<Instant, kBuckets> full_at_{};
};

}  // namespace culvert
