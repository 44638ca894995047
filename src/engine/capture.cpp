// SPDX-License-Identifier: MIT
#include "capture.hpp"

#include <utility>

namespace culvert::engine {

Capture::Capture(std::size_t lanes, CaptureWish wish) : wish_(std::move(wish)) {
  for (std::size_t i = 0; i < lanes; ++i) taps_.push_back(std::make_shared<Tap>(Tap::kUsualOctets, wish_.snap));
}

void Capture::begin_reading() noexcept {
  for (const auto& tap : taps_) tap->begin_reading();
}

std::optional<Captured> Capture::next() noexcept {
  if (last_ != nullptr) std::exchange(last_, nullptr)->pop();
  std::optional<Captured> oldest;
  for (const auto& tap : taps_) {
    const auto packet = tap->front();
    if (!packet || (oldest && oldest->at <= packet->at)) continue;
    oldest = packet;
    last_ = tap.get();
  }
  return oldest;
}

CaptureCounts Capture::counts() const noexcept {
  CaptureCounts counts;
  for (const auto& tap : taps_) {
    counts.taken += tap->taken();
    counts.dropped += tap->dropped();
  }
  return counts;
}

}  // namespace culvert::engine
