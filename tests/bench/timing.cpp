// SPDX-License-Identifier: MIT
// Do comparisons of tags and MACs take the same time wherever two values differ? As dudect does it [Reparaz, Balasch,
// Verbauwhede 2017]: two classes of inputs in random order, a million measurements, the slowest cut off (interrupts),
// and Welch's t between the classes. |t| above 4.5 says that the classes can be told apart.
//
//   class 0: the values differ in their first octet     class 1: they are equal
//
// A comparison that stops at the first difference is measured beside, to show that the method would see it.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <vector>

#include <culvert/secret.hpp>

#include "train_slots.hpp"

namespace {

using namespace culvert;

constexpr std::size_t kSamples = 1'000'000;
constexpr int kCallsASample = 16;  // the clock's own step is coarser than one call
constexpr double kLimit = 4.5;

struct Stream {
  std::uint64_t state = 88172645463325252u;
  std::uint64_t next() noexcept {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
  }
};

struct Moments {
  double n = 0, mean = 0, m2 = 0;
  void add(double x) noexcept {
    n += 1;
    const double off = x - mean;
    mean += off / n;
    m2 += off * (x - mean);
  }
};

double welch(const Moments& a, const Moments& b) noexcept {
  return (a.mean - b.mean) / std::sqrt(a.m2 / (a.n - 1) / a.n + b.m2 / (b.n - 1) / b.n);
}

template <std::size_t N, class Compare>
double measure(Compare compare) {
  Stream random;
  struct Sample {
    double ns;
    bool equal;
  };
  std::vector<Sample> samples;
  samples.reserve(kSamples);
  Octets<N> a{}, b{};
  volatile bool sink = false;
  for (std::size_t i = 0; i < kSamples; ++i) {
    const bool equal = (random.next() >> 40 & 1) != 0;
    for (auto& octet : a) octet = static_cast<std::uint8_t>(random.next() >> 32);
    b = a;
    // Both classes write the octet, so that they differ in nothing but its value.
    b[0] = static_cast<std::uint8_t>(b[0] ^ (equal ? 0 : 0x55));
    const auto start = std::chrono::steady_clock::now();
    for (int k = 0; k < kCallsASample; ++k) {
      sink = compare(a, b);
      asm volatile("" : : "r"(a.data()), "r"(b.data()) : "memory");
    }
    const auto took = std::chrono::steady_clock::now() - start;
    samples.push_back({std::chrono::duration<double, std::nano>(took).count(), equal});
  }
  static_cast<void>(sink);
  std::vector<double> sorted;
  for (const Sample& sample : samples) sorted.push_back(sample.ns);
  std::nth_element(sorted.begin(), sorted.begin() + kSamples * 9 / 10, sorted.end());
  const double cut = sorted[kSamples * 9 / 10];
  Moments classes[2];
  for (const Sample& sample : samples)
    if (sample.ns <= cut) classes[sample.equal ? 1 : 0].add(sample.ns);
  return welch(classes[0], classes[1]);
}

bool report(const char* what, double t, bool constant) {
  const bool good = (std::abs(t) < kLimit) == constant;
  std::printf("%-40s t = %9.2f  %s\n", what, t, std::abs(t) < kLimit ? "the same time" : "can be told apart");
  return good;
}

}  // namespace

int main() {
  if (sodium_init() < 0) return 1;
  const auto slow = [](const Octets<32>& a, const Octets<32>& b) {
    for (std::size_t i = 0; i < 32; ++i) {
      if (a[i] != b[i]) return false;
      asm volatile("" : : : "memory");
    }
    return true;
  };
  bool good = report("octet by octet, which the method must see", measure<32>(slow), false);
  good &=
      report("same_tag (data)", measure<16>([](const auto& a, const auto& b) { return crypto::same_tag(a, b); }), true);
  good &= report("ct_equal<16> (mac1, mac2)", measure<16>([](const auto& a, const auto& b) {
                   return ct_equal<16>(std::span<const std::uint8_t, 16>(a), std::span<const std::uint8_t, 16>(b));
                 }),
                 true);
  good &= report("ct_equal<32> (keys)", measure<32>([](const auto& a, const auto& b) {
                   return ct_equal<32>(std::span<const std::uint8_t, 32>(a), std::span<const std::uint8_t, 32>(b));
                 }),
                 true);
  std::printf(good ? "Nothing that depends on where two values differ.\n"
                   : "Not as it should be; on a busy machine run it again.\n");
  return good ? 0 : 1;
}
