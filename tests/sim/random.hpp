// SPDX-License-Identifier: MIT
// All chance in a simulated world comes from one seed, so that a failure can be played again.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <culvert/entropy.hpp>
#include <culvert/time.hpp>

namespace culvert::sim {

/// SplitMix64: enough for weather, and the same numbers everywhere (the standard's distributions are not).
class Rng {
 public:
  explicit Rng(std::uint64_t seed) noexcept : state_(seed) {}

  [[nodiscard]] std::uint64_t next() noexcept {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// 0 <= result < n.
  [[nodiscard]] std::uint64_t below(std::uint64_t n) noexcept { return next() % n; }
  [[nodiscard]] bool chance(double p) noexcept { return static_cast<double>(next() >> 11) * 0x1p-53 < p; }
  [[nodiscard]] Duration between(Duration low, Duration high) noexcept {
    return high <= low ? low : low + Duration(static_cast<Duration::rep>(below(span_of(low, high))));
  }

 private:
  static std::uint64_t span_of(Duration low, Duration high) noexcept {
    return static_cast<std::uint64_t>((high - low).count());
  }
  std::uint64_t state_;
};

/// What a node draws its keys, indices and jitter from.
class SeededEntropy final : public Entropy {
 public:
  explicit SeededEntropy(std::uint64_t seed) noexcept : rng_(seed) {}
  void fill(MutBytes out) noexcept override {
    for (std::uint8_t& octet : out) octet = static_cast<std::uint8_t>(rng_.next());
  }

 private:
  Rng rng_;
};

/// A number from the environment, for longer runs than a commit can afford.
inline std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// `n` seeds in a row, from 1 or from CULVERT_SIM_SEED on; prints them.
inline std::vector<std::uint64_t> seeds(const char* what, std::size_t n) {
  const std::uint64_t first = from_environment("CULVERT_SIM_SEED", 1);
  std::printf("%s: seeds %llu to %llu\n", what, static_cast<unsigned long long>(first),
              static_cast<unsigned long long>(first + n - 1));
  std::vector<std::uint64_t> result(n);
  for (std::size_t i = 0; i < n; ++i) result[i] = first + i;
  return result;
}

}  // namespace culvert::sim
