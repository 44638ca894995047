// SPDX-License-Identifier: MIT
#pragma once

#include <unordered_map>

#include <culvert/address.hpp>
#include <culvert/entropy.hpp>
#include <culvert/time.hpp>

#include "params.hpp"

namespace culvert {

/// Token buckets for handshakes under load [W 5.3]: 20 a second, burst 5, for each IPv4 address or IPv6 /64, or as many
/// as `set_rate` says. The table is bounded and fails closed: a source that finds no room is refused. Entries go once
/// they have been idle for a second and are full.
class RateLimiter {
 public:
  // A bucket holds time: each token costs a twentieth of a second, and five fit.
  static constexpr Duration kCost = Duration(std::chrono::seconds(1)) / params::kTokensPerSecond;
  static_assert(kCost * params::kTokensPerSecond == std::chrono::seconds(1));
  static constexpr Duration kFull = kCost * params::kTokenBurst;

  /// Who counts as one sender: whoever has one IPv6 address has a /64 of them.
  [[nodiscard]] static IpAddress owner(IpAddress from) noexcept;

  /// SipHash-2-4 under a random key.
  struct KeyHash {
    Octets<16> seed;
    std::size_t operator()(const IpAddress& key) const noexcept;
  };

  /// \param seed  16 random octets: they key the hash, so that nobody can aim at one bucket of the table.
  explicit RateLimiter(const Octets<16>& seed, std::size_t max_entries = 65536)
      : max_entries_(max_entries), buckets_(0, KeyHash{seed}) {}

  /// From now on so many tokens a second, 1 at least; a quarter of them, but 5 at least, fit into a bucket, so that
  /// many who call at once from behind one address are let in.
  void set_rate(std::uint32_t per_second) noexcept;

  /// Takes a token for `from` if there is one. `from` has proved by its cookie that it owns the address.
  [[nodiscard]] bool allow(Instant now, const IpAddress& from);

  [[nodiscard]] std::size_t size() const noexcept { return buckets_.size(); }

 private:
  struct Bucket {
    Instant last;
    Duration tokens;
  };
  void forget_idle(Instant now);

  std::size_t max_entries_;
  Duration cost_ = kCost, full_ = kFull;
  Instant next_sweep_{};
  std::unordered_map<IpAddress, Bucket, KeyHash> buckets_;
};

}  // namespace culvert
