// SPDX-License-Identifier: MIT
#include "rate_limiter.hpp"

#include <sodium.h>

#include <algorithm>
#include <bit>

namespace culvert {
namespace {

constexpr std::chrono::seconds kIdle{1};

}  // namespace

IpAddress RateLimiter::owner(IpAddress from) noexcept {
  if (from.family == Family::v6) std::fill(from.octets.begin() + 8, from.octets.end(), std::uint8_t{0});
  return from;
}

std::size_t RateLimiter::KeyHash::operator()(const IpAddress& key) const noexcept {
  Octets<8> hash{};
  crypto_shorthash(hash.data(), key.octets.data(), key.octets.size(), seed.data());
  return static_cast<std::size_t>(std::uint64_t{std::bit_cast<le64>(hash)});
}

void RateLimiter::set_rate(std::uint32_t per_second) noexcept {
  constexpr std::uint32_t kBurstsASecond = params::kTokensPerSecond / params::kTokenBurst;
  cost_ = Duration(std::chrono::seconds(1)) / std::max<std::uint32_t>(per_second, 1);
  full_ = cost_ * std::max(params::kTokenBurst, per_second / kBurstsASecond);
}

bool RateLimiter::allow(Instant now, const IpAddress& from) {
  forget_idle(now);
  const IpAddress key = owner(from);
  const auto found = buckets_.find(key);
  if (found == buckets_.end()) {
    if (buckets_.size() >= max_entries_) return false;
    buckets_.emplace(key, Bucket{now, full_ - cost_});
    return true;
  }
  Bucket& bucket = found->second;
  bucket.tokens = std::min(full_, bucket.tokens + (now - bucket.last));
  bucket.last = now;
  if (bucket.tokens < cost_) return false;
  bucket.tokens -= cost_;
  return true;
}

void RateLimiter::forget_idle(Instant now) {
  if (now < next_sweep_) return;
  next_sweep_ = now + kIdle;
  const Duration idle = std::max<Duration>(kIdle, full_);  // forgotten earlier, it would come back with a full bucket
  std::erase_if(buckets_, [&](const auto& entry) { return now - entry.second.last >= idle; });
}

}  // namespace culvert
