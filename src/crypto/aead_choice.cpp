// SPDX-License-Identifier: MIT
// Which backend seals the data: all are tested, the fastest is taken.
//
// The measurement seals one train of short packets and one of full-size packets, takes the best of a few rounds
// (anything else only ever adds time), and adds the two up. It takes about a millisecond a backend.
#include <chrono>
#include <limits>

#include "aead_backends.hpp"

namespace culvert::crypto {
namespace {

constexpr std::size_t kMeasuredSlots = 44;  // what one UDP_SEGMENT send takes at full size
constexpr std::size_t kShortSlot = 128;     // a TCP acknowledgement
constexpr std::size_t kFullSlot = 1452;     // MTU 1420
constexpr int kMeasuredRounds = 5;

using MeasuringClock = std::chrono::steady_clock;

MeasuringClock::duration seal_time(const AeadBackend& backend, std::size_t stride) {
  const Secret<32> key;
  std::vector<std::uint8_t> train(stride * kMeasuredSlots);
  backend.seal_train(key, 0, train, stride);  // first use allocates
  auto best = MeasuringClock::duration::max();
  for (int round = 0; round < kMeasuredRounds; ++round) {
    const auto start = MeasuringClock::now();
    backend.seal_train(key, 0, train, stride);
    best = std::min(best, MeasuringClock::now() - start);
  }
  return best;
}

const AeadBackend* fastest(const std::vector<const AeadBackend*>& backends) {
  const AeadBackend* best = nullptr;
  auto best_time = MeasuringClock::duration::max();
  for (const AeadBackend* backend : backends) {
    const auto time = seal_time(*backend, kShortSlot) + seal_time(*backend, kFullSlot);
    if (time < best_time) {
      best = backend;
      best_time = time;
    }
  }
  return best;
}

}  // namespace

std::vector<const AeadBackend*> all_backends() {
  std::vector<const AeadBackend*> backends{sodium_backend(), ipsec_mb_backend(), lanes_backend()};
  std::erase(backends, nullptr);
  return backends;
}

std::vector<const AeadBackend*> available_backends() {
  static const std::vector<const AeadBackend*> tested = [] {
    std::vector<const AeadBackend*> backends = all_backends();
    std::erase_if(backends, [](const AeadBackend* backend) { return !passes_self_test(*backend); });
    return backends;
  }();
  return tested;
}

const AeadBackend* choose_backend(std::string_view forced) {
  const std::vector<const AeadBackend*> backends = available_backends();
  if (forced.empty()) return fastest(backends);
  for (const AeadBackend* backend : backends)
    if (backend->name() == forced) return backend;
  return nullptr;
}

}  // namespace culvert::crypto
