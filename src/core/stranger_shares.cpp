// SPDX-License-Identifier: MIT
#include "stranger_shares.hpp"

#include "rate_limiter.hpp"

namespace culvert {

bool StrangerShares::take(Instant now, const IpAddress& from) noexcept {
  const RateLimiter::KeyHash hash{seed_};
  Instant& full_at = full_at_[hash(RateLimiter::owner(from)) % kBuckets];
  const Instant after = std::max(full_at, now) + RateLimiter::kCost;
  if (after > now + RateLimiter::kFull) return false;
  full_at = after;
  return true;
}

}  // namespace culvert
