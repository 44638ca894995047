// SPDX-License-Identifier: MIT
// Cutting a super-packet into the slots of a train, beside the bare copy of the same octets, which is what cutting
// cannot do without.
#include <benchmark/benchmark.h>

#include <cstring>

#include "inner_tcp.hpp"

using namespace culvert;

namespace {

constexpr std::size_t kSlot = 16 + 1424 + 16;
constexpr std::size_t kSegments = 47;  // the most that fit 65,535 octets

void report(benchmark::State& state, std::size_t packets, std::size_t octets) {
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(packets));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(octets));
}

void tcp_super_packet_to_slots(benchmark::State& state) {
  const bench::SuperTcp super = bench::super_tcp(kSegments * bench::kTcpPayload);
  std::vector<std::uint8_t> slots(kSegments * kSlot);
  std::size_t written = 0;
  for (auto _ : state) {
    const auto plan = io::plan(super.header, super.packet);
    for (std::size_t i = 0; i < plan->count; ++i)
      written = io::write_segment(*plan, i, MutBytes(slots).subspan(i * kSlot + 16, 1424));
    benchmark::ClobberMemory();
  }
  if (written != 1420) state.SkipWithError("not cut");
  report(state, kSegments, super.packet.size());
}
BENCHMARK(tcp_super_packet_to_slots);

void bare_copy_to_slots(benchmark::State& state) {
  const bench::SuperTcp super = bench::super_tcp(kSegments * bench::kTcpPayload);
  std::vector<std::uint8_t> slots(kSegments * kSlot);
  for (auto _ : state) {
    for (std::size_t i = 0; i < kSegments; ++i) {
      std::uint8_t* slot = slots.data() + i * kSlot + 16;
      std::memcpy(slot, super.packet.data(), bench::kTcpHeaders);
      std::memcpy(slot + bench::kTcpHeaders, super.packet.data() + bench::kTcpHeaders + i * bench::kTcpPayload,
                  bench::kTcpPayload);
    }
    benchmark::ClobberMemory();
  }
  report(state, kSegments, super.packet.size());
}
BENCHMARK(bare_copy_to_slots);

/// Of the same octets, without a copy.
void bare_checksums(benchmark::State& state) {
  const bench::SuperTcp super = bench::super_tcp(kSegments * bench::kTcpPayload);
  for (auto _ : state) {
    for (std::size_t i = 0; i < kSegments; ++i) {
      io::ChecksumSum sum;
      sum.add(Bytes(super.packet).subspan(bench::kTcpHeaders + i * bench::kTcpPayload, bench::kTcpPayload));
      benchmark::DoNotOptimize(sum.checksum());
    }
  }
  report(state, kSegments, super.packet.size());
}
BENCHMARK(bare_checksums);

void one_packet_to_a_slot(benchmark::State& state) {
  bench::SuperTcp whole = bench::super_tcp(static_cast<std::size_t>(state.range(0)) - bench::kTcpHeaders);
  whole.header.gso_type = io::kGsoNone;
  whole.header.gso_size = 0;
  std::vector<std::uint8_t> slot(kSlot);
  for (auto _ : state) {
    const auto plan = io::plan(whole.header, whole.packet);
    benchmark::DoNotOptimize(io::write_segment(*plan, 0, MutBytes(slot).subspan(16, 1424)));
    benchmark::ClobberMemory();
  }
  report(state, 1, whole.packet.size());
}
BENCHMARK(one_packet_to_a_slot)->Arg(128)->Arg(1420);

}  // namespace

BENCHMARK_MAIN();
