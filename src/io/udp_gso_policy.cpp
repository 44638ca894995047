// SPDX-License-Identifier: MIT
#include "udp_gso_policy.hpp"

#include <algorithm>
#include <cerrno>

namespace culvert::io {

std::size_t GsoPolicy::take_segments(const IpAddress& to, std::size_t stride) noexcept {
  if (!enabled() || stride == 0 || 2 * stride > kMaxDatagramOctets) return 1;
  for (Refused& entry : std::span(refused_).first(used_)) {
    if (entry.to != to || stride < entry.stride || entry.sends_left == 0) continue;
    --entry.sends_left;
    return 1;
  }
  return std::min(max_segments_, kMaxDatagramOctets / stride);
}

bool GsoPolicy::learn(const GsoRefusal& refusal, Resend resend) noexcept {
  if (!enabled()) return false;
  if (refusal.error == EIO || refusal.error == EOPNOTSUPP) {
    max_segments_ = 1;
  } else if (resend == Resend::went && refusal.error == EINVAL && refusal.segments == kMaxTrainPackets) {
    max_segments_ = kMaxTrainPackets - 1;
  } else if (resend == Resend::went && (refusal.error == EMSGSIZE || refusal.error == EINVAL)) {
    remember(refusal.to, refusal.stride);
  }
  return !enabled();
}

void GsoPolicy::remember(const IpAddress& to, std::size_t stride) noexcept {
  const auto known = std::span(refused_).first(used_);
  const auto same = std::ranges::find(known, to, &Refused::to);
  if (same != known.end()) {
    *same = {to, same->sends_left == 0 ? stride : std::min(same->stride, stride), kSendsUntilRetry};
    return;
  }
  refused_[next_] = {to, stride, kSendsUntilRetry};
  next_ = (next_ + 1) % kMaxDestinations;
  used_ = std::min(used_ + 1, kMaxDestinations);
}

}  // namespace culvert::io
