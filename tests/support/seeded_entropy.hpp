// SPDX-License-Identifier: MIT
#pragma once

#include <deque>

#include <culvert/entropy.hpp>

namespace culvert::test {

/// Octets that follow from a seed (splitmix64), or that the test put in front.
class SeededEntropy final : public Entropy {
 public:
  explicit SeededEntropy(std::uint64_t seed = 1) noexcept : state_(seed) {}

  void fill(MutBytes out) noexcept override {
    for (std::uint8_t& octet : out) {
      if (scripted_.empty()) {
        octet = draw();
      } else {
        octet = scripted_.front();
        scripted_.pop_front();
      }
    }
    filled_ += out.size();
  }

  /// The next octets, whoever asks for them.
  void script(Bytes octets) { scripted_.insert(scripted_.end(), octets.begin(), octets.end()); }
  [[nodiscard]] std::size_t filled() const noexcept { return filled_; }

 private:
  std::uint8_t draw() noexcept {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return static_cast<std::uint8_t>(z >> 56);
  }

  std::uint64_t state_;
  std::deque<std::uint8_t> scripted_;
  std::size_t filled_ = 0;
};

}  // namespace culvert::test
