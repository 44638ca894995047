// SPDX-License-Identifier: MIT
#include "heavy_senders.hpp"

#include "params.hpp"

namespace culvert::engine {

HeavySenders::HeavySenders(std::uint32_t mix, Instant now, std::uint64_t drops) : mix_(mix | 1), drops_seen_(drops) {
  heavy_.reserve(io::kMostThinned + kSlots);
  tags_.reserve(io::kMostThinned);
  set_share(params::kTokensPerSecond);
  begin(now, {});
}

void HeavySenders::begin(Instant now, Duration pause) noexcept {
  interval_began_ = now;
  interval_end_ = now + kInterval + pause;
  slots_.fill({});
  deal_ += mix_;
  arrived_ = passed_ = 0;
  spent_ = {};
  longest_run_ = run_;
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
  arrived_ += n;
  run_ += n;
  longest_run_ = std::max(longest_run_, run_);
}

bool HeavySenders::asks_for_peers(Instant now, std::uint64_t drops) const noexcept {
  return !tags_.empty() || now < alarm_end_ || overflowed(drops - drops_seen_);
}

void HeavySenders::spare(const IpAddress& address) noexcept {
  const std::uint32_t tag = io::sender_tag(address, mix_);
  if (Slot& slot = slot_of(tag); slot.tag == tag) slot = {};
  const auto listed = std::ranges::lower_bound(heavy_, tag, {}, &Heavy::tag);
  if (listed != heavy_.end() && listed->tag == tag) heavy_.erase(listed);
}

bool HeavySenders::look(Instant now, std::uint64_t drops) {
  const std::uint64_t lost = drops - drops_seen_;
  drops_seen_ = drops;
  note_capacity();
  note_heavy(now);
  if (overflowed(lost)) alarm_end_ = now + kAlarm;
  if (arrived_ != 0) drops_are_new_ = true;  // the socket tells its drops with each datagram

  const unsigned share_before = share_;
  let_off(now);
  adapt_share(now);
  if (now < alarm_end_) list_new(now, lost);
  begin(now, {});

  const bool same = share_ == share_before && std::ranges::equal(heavy_, tags_, {}, &Heavy::tag);
  if (same) return false;
  tags_.clear();
  for (const Heavy& one : heavy_) tags_.push_back(one.tag);
  if (tags_.empty()) drops_are_new_ = false;
  return true;
}

// The filter's own drops are among those lost. So they tell of an overflow while nobody is thinned, or where they are
// far more than what passed tells of; else the socket must have been read without an end.
bool HeavySenders::overflowed(std::uint64_t lost) const noexcept {
  if (lost < kOverflowDrops) return false;
  if (tags_.empty()) return drops_are_new_;
  constexpr std::uint64_t kChance = 6;  // so many fewer may pass than should
  return longest_run_ >= kOverflowRun || lost > 2 * ((passed_ + kChance) << share_);
}

void HeavySenders::note_capacity() noexcept {
  constexpr std::uint64_t kEnough = 256;
  const auto microseconds = static_cast<std::uint64_t>(spent_ / std::chrono::microseconds(1));
  if (arrived_ >= kEnough && microseconds != 0) capacity_ = arrived_ * 1'000'000 / microseconds;
}

std::uint64_t HeavySenders::a_second(std::uint64_t count, Instant now) const noexcept {
  const auto elapsed = std::max(kInterval, now - interval_began_) / std::chrono::microseconds(1);
  return count * 1'000'000 / static_cast<std::uint64_t>(elapsed);
}

void HeavySenders::note_heavy(Instant now) {
  for (Heavy& one : heavy_) {
    Slot& slot = slot_of(one.tag);
    if (slot.tag != one.tag || slot.count == 0) continue;
    const std::uint64_t sent = std::uint64_t{slot.count} << share_;
    one.sent += sent;
    one.rate = a_second(sent, now);
    passed_ += slot.count;
    slot = {};  // no news to `list_new`
  }
}

void HeavySenders::let_off(Instant now) {
  if (a_second(passed_ << share_, now) >= capacity_ / kEase) last_pressed_ = now;
  if (now - last_pressed_ >= kWindow) heavy_.clear();
  std::erase_if(heavy_, [&](Heavy& one) {
    const auto window = (now - one.window_began) / std::chrono::milliseconds(1);
    if (window < kWindow / std::chrono::milliseconds(1)) return false;
    const std::uint64_t half = least_ * static_cast<std::uint64_t>(window) / 1000 / 2;
    if (one.sent <= half) return true;
    one.sent = 0;
    one.window_began = now;
    return false;
  });
}

void HeavySenders::list_new(Instant now, std::uint64_t lost) {
  if (heavy_.empty()) last_pressed_ = now;
  // What a slot counts is what was read of what was sent.
  const std::uint64_t sent = arrived_ + (tags_.empty() ? lost : 0);
  for (const Slot& slot : slots_) {
    if (slot.count == 0) continue;
    const std::uint64_t rate = a_second(slot.count * sent / arrived_, now);
    if (rate >= least_) heavy_.push_back({slot.tag, 0, rate, now});
  }
  if (heavy_.size() > io::kMostThinned) {
    std::ranges::nth_element(heavy_, heavy_.begin() + io::kMostThinned, std::ranges::greater{}, &Heavy::rate);
    heavy_.resize(io::kMostThinned);
  }
  std::ranges::sort(heavy_, {}, &Heavy::tag);
}

void HeavySenders::adapt_share(Instant now) noexcept {
  if (heavy_.empty())
    share_ = kFirstShare;
  else if (a_second(passed_, now) > kManyPass)
    share_ = std::min(share_ + 1, kLastShare);
  else if (a_second(passed_, now) < kFewPass)
    share_ = std::max(share_ - 1, kFirstShare);
}

io::Thinning HeavySenders::thinning(Family family) const noexcept {
  return {.family = family, .mix = mix_, .share = share_, .senders = tags_};
}

std::optional<Instant> HeavySenders::next_look() const noexcept {
  return tags_.empty() ? std::nullopt : std::optional(interval_end_);
}

}  // namespace culvert::engine
