// SPDX-License-Identifier: MIT
// How many handshakes one core answers and starts, beside what the mathematics costs alone: a responder multiplies four
// times (es, ee, se, and the base point for its ephemeral key), and so does an initiator (its ephemeral key and es,
// then ee and se). ss is computed once a peer.
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "aead.hpp"
#include "device.hpp"
#include "system_entropy.hpp"
#include "x25519.hpp"

using namespace culvert;

namespace {

constexpr std::size_t kPeers = 2000;

KeyPair make_pair(Entropy& entropy) {
  KeyPair pair{crypto::generate_private_key(entropy), {}};
  pair.public_key = crypto::public_key(pair.private_key);
  return pair;
}

// A responder with 2,000 peers, and the initiations of all of them, made anew for each round.
struct World {
  World() : device(1, entropy) {
    Actions actions;
    device.set_private_key({}, crypto::generate_private_key(entropy), actions);
    device.set_link({}, Link::up, actions);
    for (std::size_t i = 0; i < kPeers; ++i) {
      callers.push_back(make_pair(entropy));
      (void)device.add_peer(callers.back().public_key, actions);
      Secret<32> shared;
      (void)crypto::x25519(callers.back().private_key, device.identity().public_key, shared);
      shared_with.push_back(std::move(shared));
    }
  }

  void prepare() {
    initiations.clear();
    pending.clear();
    now.mono += std::chrono::seconds(1);
    now.wall.seconds += 1;
    CookieHolder macs;
    for (std::size_t i = 0; i < kPeers; ++i) {
      auto made = make_initiation(callers[i], device.identity().public_key, shared_with[i], make_pair(entropy),
                                  stamp_of(now.wall), static_cast<std::uint32_t>(i));
      macs.stamp(now.mono, device.identity().public_key, made->message);
      initiations.push_back(made->message);
      pending.push_back(std::move(made->pending));
    }
  }

  SystemEntropy entropy;
  Device device;
  std::vector<KeyPair> callers;
  std::vector<Secret<32>> shared_with;
  std::vector<wire::Initiation> initiations;
  std::vector<PendingInitiation> pending;
  Now now{Instant(std::chrono::seconds(1000)), {1'700'000'000, 0}};
};

void answer_initiations(benchmark::State& state) {
  World world;
  Endpoint from;
  from.port = 1000;
  std::size_t next = kPeers;
  for (auto _ : state) {
    if (next == kPeers) {
      state.PauseTiming();
      world.prepare();
      next = 0;
      state.ResumeTiming();
    }
    Actions actions;
    const Bytes datagram = wire::octets(world.initiations[next++]);
    if (!world.device.screen(datagram) ||
        !world.device.handle(world.now, datagram, from, std::nullopt, Load::normal, actions))
      state.SkipWithError("an initiation was refused");
    benchmark::DoNotOptimize(actions.outgoing.data());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(answer_initiations)->Unit(benchmark::kMicrosecond);

void make_initiations(benchmark::State& state) {
  World world;
  CookieHolder macs;
  std::size_t next = 0;
  for (auto _ : state) {
    const std::size_t i = next++ % kPeers;
    auto made = make_initiation(world.callers[i], world.device.identity().public_key, world.shared_with[i],
                                make_pair(world.entropy), stamp_of(world.now.wall), static_cast<std::uint32_t>(i));
    macs.stamp(world.now.mono, world.device.identity().public_key, made->message);
    benchmark::DoNotOptimize(made->message);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(make_initiations)->Unit(benchmark::kMicrosecond);

void read_responses(benchmark::State& state) {
  World world;
  world.prepare();
  Endpoint from;
  from.port = 1000;
  std::vector<wire::Response> responses;
  for (const wire::Initiation& initiation : world.initiations) {
    Actions actions;
    (void)world.device.handle(world.now, wire::octets(initiation), from, std::nullopt, Load::normal, actions);
    if (actions.outgoing.empty()) return state.SkipWithError("an initiation was refused");
    responses.push_back(wire::load<wire::Response>(actions.outgoing[0].octets));
  }
  std::size_t next = 0;
  for (auto _ : state) {
    const std::size_t i = next++ % kPeers;
    if (!read_response(world.pending[i], world.callers[i], {}, responses[i]))
      state.SkipWithError("a response was refused");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(read_responses)->Unit(benchmark::kMicrosecond);

void four_multiplications(benchmark::State& state) {
  SystemEntropy entropy;
  const KeyPair mine = make_pair(entropy);
  const KeyPair theirs = make_pair(entropy);
  Secret<32> shared;
  for (auto _ : state)
    for (int i = 0; i < 4; ++i) benchmark::DoNotOptimize(crypto::x25519(mine.private_key, theirs.public_key, shared));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(four_multiplications)->Unit(benchmark::kMicrosecond);

void refuse_bad_mac1(benchmark::State& state) {
  World world;
  world.prepare();
  wire::Initiation forged = world.initiations[0];
  forged.macs.mac1[0] ^= 1;
  for (auto _ : state) benchmark::DoNotOptimize(world.device.screen(wire::octets(forged)).has_value());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(refuse_bad_mac1)->Unit(benchmark::kNanosecond);

}  // namespace

int main(int argc, char** argv) {
  if (!crypto::initialise()) return 1;
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
