// SPDX-License-Identifier: MIT
// A ring of 128 words of 64 bits: counter c is bit c % 64 of word (c / 64) % 128. Advancing zeroes the words that it
// enters, so the word of the greatest counter is only partly history: 8192 - 64 counters back are always remembered.
#include "replay_window.hpp"

#include <algorithm>

namespace culvert {
namespace {

constexpr std::uint64_t bit(std::uint64_t counter) noexcept { return std::uint64_t{1} << (counter % 64); }

}  // namespace

bool ReplayWindow::would_accept(std::uint64_t counter) const noexcept {
  if (counter >= params::kRejectAfterMessages) return false;
  if (counter >= next_) return true;
  if (next_ - 1 - counter > params::kWindow) return false;  // distance to the greatest accepted
  return (words_[(counter / 64) % kWords] & bit(counter)) == 0;
}

bool ReplayWindow::commit(std::uint64_t counter) noexcept {
  if (!would_accept(counter)) return false;
  if (counter >= next_) {
    const std::uint64_t entered = next_ == 0 ? 0 : (next_ - 1) / 64 + 1;
    const std::uint64_t last = counter / 64;
    if (last >= entered) {
      const std::uint64_t fresh = std::min(last - entered + 1, kWords);
      for (std::uint64_t i = 0; i < fresh; ++i) words_[(last - i) % kWords] = 0;
    }
    next_ = counter + 1;
  }
  words_[(counter / 64) % kWords] |= bit(counter);
  ++accepted_;
  return true;
}

}  // namespace culvert
