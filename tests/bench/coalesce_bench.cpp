// SPDX-License-Identifier: MIT
// Joining packets into super-packets, in front of a queue that throws everything away: what is left is reading headers,
// verifying checksums and building the list of parts.
#include <benchmark/benchmark.h>

#include "coalesce.hpp"
#include "inner_tcp.hpp"

using namespace culvert;

namespace {

class Nowhere final : public io::TunQueue {
 public:
  [[nodiscard]] Result<io::SuperPacket, io::TunFault> read(MutBytes) noexcept override {
    return Err{io::TunFault{.stop = io::TunStop::empty}};
  }
  [[nodiscard]] Result<void, io::TunFault> write(const io::VnetHeader&,
                                                 std::span<const iovec> parts) noexcept override {
    benchmark::DoNotOptimize(parts.data());
    ++writes;
    return {};
  }
  [[nodiscard]] int descriptor() const noexcept override { return -1; }

  std::size_t writes = 0;
};

constexpr io::CoalesceOptions kOn{io::Coalescing::on, io::Coalescing::on};
constexpr std::size_t kBatch = 44;

/// The packets of some flows in turn, each flow's in order.
std::vector<std::vector<std::uint8_t>> packets(std::size_t flows, std::size_t count, std::size_t payload) {
  std::vector<std::vector<std::uint8_t>> made;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t per_flow = (count + flows - 1) / flows;
    auto super = bench::super_tcp(per_flow * payload, static_cast<std::uint8_t>(i % flows));
    super.header.gso_size = static_cast<std::uint16_t>(payload);
    const auto plan = io::plan(super.header, super.packet);
    const std::size_t index = i / flows;
    auto& packet = made.emplace_back(plan->size(index));
    (void)io::write_segment(*plan, index, packet);
  }
  return made;
}

/// Arguments: flows, payload of a packet.
void join(benchmark::State& state) {
  const auto flows = static_cast<std::size_t>(state.range(0));
  const auto batch = packets(flows, kBatch, static_cast<std::size_t>(state.range(1)));
  Nowhere queue;
  io::Coalescer coalescer(queue, kOn);
  for (auto _ : state) {
    for (const auto& packet : batch) coalescer.add(packet);
    benchmark::DoNotOptimize(coalescer.flush());
  }
  if (queue.writes > flows * static_cast<std::size_t>(state.iterations())) state.SkipWithError("not joined");
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatch));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kBatch * batch.front().size()));
}
BENCHMARK(join)
    ->ArgNames({"flows", "octets"})
    ->Args({1, bench::kTcpPayload})
    ->Args({4, bench::kTcpPayload})
    ->Args({1, 100});

/// Packets of as many flows: none joins another.
void pass_by(benchmark::State& state) {
  const auto batch = packets(kBatch, kBatch, static_cast<std::size_t>(state.range(0)));
  Nowhere queue;
  io::Coalescer coalescer(queue, kOn);
  for (auto _ : state) {
    for (const auto& packet : batch) coalescer.add(packet);
    benchmark::DoNotOptimize(coalescer.flush());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBatch));
}
BENCHMARK(pass_by)->Arg(100)->Arg(bench::kTcpPayload);

}  // namespace

BENCHMARK_MAIN();
