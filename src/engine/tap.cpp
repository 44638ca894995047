// SPDX-License-Identifier: MIT
// A record is a head and the packet's octets, rounded up to 8 and in one piece: what does not fit before the ring's end
// starts over at its beginning, behind a mark.
#include "tap.hpp"

#include <algorithm>
#include <cstring>

#include "traffic.hpp"

namespace culvert::engine {
namespace {

constexpr std::size_t kAlign = 8;

std::size_t rounded(std::size_t octets) noexcept { return (octets + kAlign - 1) & ~(kAlign - 1); }

}  // namespace

Tap::Tap(std::size_t capacity, std::size_t snap)
    : octets_(std::make_unique_for_overwrite<std::uint8_t[]>(capacity)), capacity_(capacity), snap_(snap) {}

bool Tap::wants(PeerId peer) const noexcept {
  return !only_ || std::find(only_->begin(), only_->end(), peer) != only_->end();
}

void Tap::take(PeerId peer, Way way, Instant at, Bytes packet) noexcept {
  static_assert(sizeof(Head) % kAlign == 0);
  const std::size_t octets = std::min(packet.size(), snap_);
  const std::size_t record = sizeof(Head) + rounded(octets);
  std::uint64_t tail = tail_.load(std::memory_order_relaxed);
  const std::size_t offset = tail & (capacity_ - 1);
  const std::size_t skipped = capacity_ - offset < record ? capacity_ - offset : 0;
  const std::uint64_t used = tail - head_.load(std::memory_order_acquire);
  if (used + skipped + record > capacity_) return add_own(dropped_, 1);
  if (skipped != 0) {
    // A multiple of 8 is left, room for the mark at least.
    std::memcpy(octets_.get() + offset, &kEndOfRing, sizeof kEndOfRing);
    tail += skipped;
  }
  std::uint8_t* const to = octets_.get() + (tail & (capacity_ - 1));
  const Head head{.octets = static_cast<std::uint32_t>(octets),
                  .whole = static_cast<std::uint32_t>(packet.size()),
                  .peer = peer,
                  .at = at.time_since_epoch().count(),
                  .way = static_cast<std::uint64_t>(way)};
  std::memcpy(to, &head, sizeof head);
  if (octets != 0) std::memcpy(to + sizeof head, packet.data(), octets);
  tail_.store(tail + record, std::memory_order_release);
  add_own(taken_, 1);
  fresh_ = true;
}

std::optional<Captured> Tap::front() noexcept {
  const std::uint64_t tail = tail_.load(std::memory_order_acquire);
  std::uint64_t place = head_.load(std::memory_order_relaxed);
  if (place == tail) return std::nullopt;
  std::uint32_t mark = 0;
  std::memcpy(&mark, octets_.get() + (place & (capacity_ - 1)), sizeof mark);
  if (mark == kEndOfRing) {
    place += capacity_ - (place & (capacity_ - 1));
    head_.store(place, std::memory_order_release);
    // The mark and the record behind it were published together.
  }
  const std::uint8_t* const from = octets_.get() + (place & (capacity_ - 1));
  Head head;
  std::memcpy(&head, from, sizeof head);
  return Captured{.peer = head.peer,
                  .way = static_cast<Way>(head.way),
                  .at = Instant(Duration(head.at)),
                  .whole = head.whole,
                  .octets = {from + sizeof head, head.octets}};
}

void Tap::pop() noexcept {
  const std::uint64_t place = head_.load(std::memory_order_relaxed);
  std::uint32_t octets = 0;
  std::memcpy(&octets, octets_.get() + (place & (capacity_ - 1)), sizeof octets);
  head_.store(place + sizeof(Head) + rounded(octets), std::memory_order_release);
}

}  // namespace culvert::engine
