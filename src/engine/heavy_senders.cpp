// SPDX-License-Identifier: MIT
#include "heavy_senders.hpp"

#include <algorithm>

#include "params.hpp"

namespace culvert::engine {
namespace {

constexpr std::chrono::microseconds kForAPeer{1};  // ten times what it costs to spare one

}  // namespace

HeavySenders::HeavySenders(std::uint32_t mix, std::uint64_t drops) : mix_(mix | 1), drops_seen_(drops) {
  heavy_.reserve(io::kMostThinned + kSlots);
  tags_.reserve(io::kMostThinned);
  set_share(params::kTokensPerSecond);
}

void HeavySenders::set_share(std::uint32_t per_second) noexcept {
  constexpr std::uint64_t kIntervalsASecond = std::chrono::seconds(1) / kInterval;
  const std::uint64_t least = std::uint64_t{kTimesShare} * per_second / kIntervalsASecond;
  least_ = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(least, 1, UINT32_MAX));
}

HeavySenders::Slot& HeavySenders::slot_of(std::uint32_t tag) noexcept {
  // Multiplications and shifts between them, so that neighbours in the address space are none here. `mix_` may be a
  // poor multiplier by chance, so it is not the only one.
  std::uint32_t hash = (tag ^ deal_) * 0x9e37'79b1;
  hash = (hash ^ hash >> 15) * mix_;
  hash = (hash ^ hash >> 13) * 0x85eb'ca6b;
  return slots_[(hash ^ hash >> 16) % kSlots];
}

void HeavySenders::count(const IpAddress& from, std::size_t datagrams) noexcept {
  const std::uint32_t tag = io::sender_tag(from, mix_);
  const auto n = static_cast<std::uint32_t>(datagrams);
  Slot& slot = slot_of(tag);
  if (slot.tag == tag)
    slot.count += n;
  else if (slot.count < n)
    slot = {tag, n - slot.count};
  else
    slot.count -= n;
}

void HeavySenders::spare(const IpAddress& address) noexcept {
  const std::uint32_t tag = io::sender_tag(address, mix_);
  if (Slot& slot = slot_of(tag); slot.tag == tag) slot = {};
  const auto listed = std::ranges::lower_bound(heavy_, tag, {}, &Heavy::tag);
  if (listed != heavy_.end() && listed->tag == tag) heavy_.erase(listed);
}

bool HeavySenders::look(Instant now, std::uint64_t drops, std::size_t peers) {
  interval_end_ = now + kInterval + peers * kForAPeer;
  const bool full = overflowed(drops);
  drops_seen_ = drops;

  const unsigned share_before = share_;
  note_heavy(now);
  let_off(now);
  adapt_share(now);
  if (full) list_new(now);
  slots_.fill({});
  deal_ += mix_;

  const bool same = share_ == share_before && std::ranges::equal(heavy_, tags_, {}, &Heavy::tag);
  if (same) return false;
  tags_.clear();
  for (const Heavy& one : heavy_) tags_.push_back(one.tag);
  return true;
}

void HeavySenders::note_heavy(Instant now) {
  for (Heavy& one : heavy_) {
    Slot& slot = slot_of(one.tag);
    if (slot.tag != one.tag || slot.count == 0) continue;
    one.count = slot.count;
    one.last_heard = now;
    slot = {};  // no news to `list_new`
  }
}

void HeavySenders::let_off(Instant now) {
  std::erase_if(heavy_, [&](const Heavy& one) { return now - one.last_heard >= kQuiet; });
}

void HeavySenders::list_new(Instant now) {
  for (const Slot& slot : slots_)
    if (slot.count >= least_) heavy_.push_back({slot.tag, slot.count, now});
  if (heavy_.size() > io::kMostThinned) {
    // Of those that are thinned, only a share was seen.
    const auto weight = [&](const Heavy& one) {
      return std::binary_search(tags_.begin(), tags_.end(), one.tag) ? std::uint64_t{one.count} << share_ : one.count;
    };
    std::ranges::nth_element(heavy_, heavy_.begin() + io::kMostThinned, std::ranges::greater{}, weight);
    heavy_.resize(io::kMostThinned);
  }
  std::ranges::sort(heavy_, {}, &Heavy::tag);
}

void HeavySenders::adapt_share(Instant now) noexcept {
  std::uint64_t passed = 0;
  for (const Heavy& one : heavy_)
    if (one.last_heard == now) passed += one.count;
  if (heavy_.empty())
    share_ = kFirstShare;
  else if (passed > kManyPass)
    share_ = std::min(share_ + 1, kLastShare);
  else if (passed < kFewPass)
    share_ = std::max(share_ - 1, kFirstShare);
}

io::Thinning HeavySenders::thinning(Family family) const noexcept {
  return {.family = family, .mix = mix_, .share = share_, .senders = tags_};
}

std::optional<Instant> HeavySenders::next_look() const noexcept {
  return tags_.empty() ? std::nullopt : std::optional(interval_end_);
}

}  // namespace culvert::engine
