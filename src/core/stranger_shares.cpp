// SPDX-License-Identifier: MIT
#include "stranger_shares.hpp"

#include "rate_limiter.hpp"

namespace culvert {

Instant& StrangerShares::bucket_of(const IpAddress& from) noexcept {
  const RateLimiter::KeyHash hash{seed_};
  return full_at_[hash(RateLimiter::owner(from)) % kBuckets];
}

bool StrangerShares::take(Instant now, const IpAddress& from) noexcept {
  Instant& full_at = bucket_of(from);
  const Instant after = std::max(full_at, now) + RateLimiter::kCost;
  if (after > now + RateLimiter::kFull) return false;
  full_at = after;
  return true;
}

bool StrangerShares::take_of_full(Instant now, const IpAddress& from) noexcept {
  Instant& full_at = bucket_of(from);
  if (full_at > now) return false;
  full_at = now + RateLimiter::kCost;
  return true;
}

}  // namespace culvert
