// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
#include <utility>
#include <vector>

#include <culvert/bytes.hpp>

#include "params.hpp"

namespace culvert {

/// Inner packets of one peer that wait for a session: at most so many, the oldest dropped first [K].
/// Off the warm path, so it may allocate.
class Staging {
 public:
  /// Keeps a copy, as one of `most`, 1 at least. \returns how many packets were dropped for it.
  std::size_t push(Bytes packet, std::size_t most = params::kMaxStaged) {
    std::size_t dropped = 0;
    for (; packets_.size() >= most; ++dropped) {  // more than one when `most` is less than it was
      octets_ -= packets_.front().size();
      packets_.pop_front();
    }
    packets_.emplace_back(packet.begin(), packet.end());
    octets_ += packet.size();
    return dropped;
  }
  /// All of them, oldest first; none remain.
  [[nodiscard]] std::deque<std::vector<std::uint8_t>> take() noexcept {
    octets_ = 0;
    return std::exchange(packets_, {});
  }
  [[nodiscard]] std::size_t octets() const noexcept { return octets_; }

 private:
  std::size_t octets_ = 0;
  std::deque<std::vector<std::uint8_t>> packets_;
};

}  // namespace culvert
