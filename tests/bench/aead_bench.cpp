// SPDX-License-Identifier: MIT
// Sealing and opening through the train call, beside each library's own call on one prepared buffer. The difference is
// what trains cost: cutting slots, nonces, memory that is not in the first cache. Names are
// direction/backend/octets/packets a train, and raw_direction/library's call/octets.
//
// One iteration works on 64 packets, in as many trains as that makes. What is opened must be sealed anew, outside the
// time that counts; what is sealed may be anything, so it is sealed again.
#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <string>
#include <vector>

#include "aead.hpp"
#include "aead_raw.hpp"

using namespace culvert;

namespace {

constexpr std::size_t kPackets = 64;
constexpr std::size_t kOverhead = crypto::kDataHeaderOctets + crypto::kTagOctets;
constexpr std::size_t kSizes[] = {64, 128, 256, 512, 1024, 1420, 9000};
constexpr std::size_t kTrains[] = {1, 8, 44, 64};

Secret<32> a_key() {
  Octets<32> octets{};
  for (std::size_t i = 0; i < octets.size(); ++i) octets[i] = static_cast<std::uint8_t>(i);
  return Secret<32>(octets);
}

struct Trains {
  Trains(std::size_t size, std::size_t packets)
      : stride(size + kOverhead), per_train(packets), count(kPackets / packets), octets(stride * packets * count) {
    for (std::size_t i = 0; i < per_train * count; ++i)
      octets[i * stride + 8] = static_cast<std::uint8_t>(i % per_train);
  }
  [[nodiscard]] MutBytes train(std::size_t i) noexcept {
    return MutBytes(octets).subspan(i * per_train * stride, per_train * stride);
  }
  [[nodiscard]] std::int64_t packets() const noexcept { return static_cast<std::int64_t>(per_train * count); }

  std::size_t stride, per_train, count;
  std::vector<std::uint8_t> octets;
  Secret<32> key = a_key();
};

/// Seconds of processor that this thread has had: on a busy machine the only time that repeats.
double thread_seconds() noexcept {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

/// What asking costs, in seconds.
double clock_cost() noexcept {
  double best = 1;
  for (int i = 0; i < 1000; ++i) {
    const double start = thread_seconds();
    best = std::min(best, thread_seconds() - start);
  }
  return best;
}

void report(benchmark::State& state, std::int64_t packets, std::size_t size) {
  state.SetItemsProcessed(state.iterations() * packets);
  state.SetBytesProcessed(state.iterations() * packets * static_cast<std::int64_t>(size));
}

void seal(benchmark::State& state, const crypto::AeadBackend& backend, std::size_t size, std::size_t per_train) {
  Trains trains(size, per_train);
  for (auto _ : state) {
    for (std::size_t i = 0; i < trains.count; ++i) backend.seal_train(trains.key, 0, trains.train(i), trains.stride);
    benchmark::ClobberMemory();
  }
  report(state, trains.packets(), size);
}

void open(benchmark::State& state, const crypto::AeadBackend& backend, std::size_t size, std::size_t per_train) {
  static const double kClockCost = clock_cost();
  Trains trains(size, per_train);
  for (std::size_t i = 0; i < trains.count; ++i) backend.seal_train(trains.key, 0, trains.train(i), trains.stride);
  const std::vector<std::uint8_t> sealed = trains.octets;
  std::vector<std::uint8_t> opened(per_train);
  for (auto _ : state) {
    std::copy(sealed.begin(), sealed.end(), trains.octets.begin());
    std::size_t good = 0;
    const double start = thread_seconds();
    for (std::size_t i = 0; i < trains.count; ++i) {
      backend.open_train(trains.key, trains.train(i), trains.stride, opened);
      good += opened.back();
    }
    state.SetIterationTime(thread_seconds() - start - kClockCost);
    if (good != trains.count) state.SkipWithError("a train did not open");
  }
  report(state, trains.packets(), size);
}

void raw(benchmark::State& state, const bench::RawAead& library, bench::Direction direction, std::size_t size) {
  bench::PreparedBuffer buffer(size);
  library.prepare(buffer, direction);
  for (auto _ : state) {
    for (std::size_t i = 0; i < kPackets; ++i) library.run(buffer, direction);
    benchmark::ClobberMemory();
  }
  report(state, kPackets, size);
}

void register_all() {
  for (const std::size_t size : kSizes) {
    const std::string octets = std::to_string(size);
    for (const crypto::AeadBackend* backend : crypto::available_backends()) {
      for (const std::size_t packets : kTrains) {
        const std::string rest = '/' + std::string(backend->name()) + '/' + octets + '/' + std::to_string(packets);
        benchmark::RegisterBenchmark(("seal" + rest).c_str(),
                                     [=](benchmark::State& state) { seal(state, *backend, size, packets); });
        benchmark::RegisterBenchmark(("open" + rest).c_str(), [=](benchmark::State& state) {
          open(state, *backend, size, packets);
        })->UseManualTime();
      }
    }
    for (const bench::RawAead* library : bench::raw_aeads()) {
      const std::string rest = '/' + std::string(library->name()) + '/' + octets;
      for (const auto direction : {bench::Direction::seal, bench::Direction::open})
        benchmark::RegisterBenchmark(((direction == bench::Direction::seal ? "raw_seal" : "raw_open") + rest).c_str(),
                                     [=](benchmark::State& state) { raw(state, *library, direction, size); });
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (!crypto::initialise()) return 1;
  register_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
}
