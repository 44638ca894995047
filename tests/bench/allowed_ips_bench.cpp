// SPDX-License-Identifier: MIT
// Look-ups wait for one another, as a lane's do: the next address depends on the last answer. The addresses asked for
// are 65,536 random ones out of those that the table holds; `cold` asks for 1,048,576, so that the caches do not help.
#include <random>

#include <benchmark/benchmark.h>

#include "allowed_ips.hpp"

using namespace culvert;

namespace {

using Random = std::mt19937_64;
using Make = Prefix (*)(Random&, std::uint32_t);

constexpr std::size_t kQuestions = std::size_t{1} << 16;
constexpr std::size_t kColdQuestions = std::size_t{1} << 20;

IpAddress random_address(Random& random, Family family) {
  IpAddress address{.family = family};
  for (std::size_t i = 0; i < address_bits(family) / 8u; ++i) address.octets[i] = static_cast<std::uint8_t>(random());
  return address;
}

/// 10.0.0.0 and on, one after the other: a pool that a server gives away.
Prefix v4_pool(Random&, std::uint32_t n) {
  return {.address = {.family = Family::v4,
                      .octets = {10, static_cast<std::uint8_t>(n >> 16), static_cast<std::uint8_t>(n >> 8),
                                 static_cast<std::uint8_t>(n)}},
          .length = 32};
}

Prefix v4_single(Random& random, std::uint32_t) { return {random_address(random, Family::v4), 32}; }

/// /8 to /32: nested, and with addresses that nobody owns between.
Prefix v4_mixed(Random& random, std::uint32_t) {
  return {random_address(random, Family::v4), static_cast<std::uint8_t>(8 + random() % 25)};
}

/// Random addresses of one /64.
Prefix v6_single(Random& random, std::uint32_t) {
  Prefix prefix{random_address(random, Family::v6), 128};
  for (std::size_t i = 0; i < 8; ++i) prefix.address.octets[i] = static_cast<std::uint8_t>(0xfd + i);
  return prefix;
}

/// /16 to /128 under 2000::/8.
Prefix v6_mixed(Random& random, std::uint32_t) {
  Prefix prefix{random_address(random, Family::v6), static_cast<std::uint8_t>(16 + random() % 113)};
  prefix.address.octets[0] = 0x20;
  return prefix;
}

std::vector<Prefix> prefixes(Make make, std::size_t n) {
  Random random(n);
  std::vector<Prefix> result;
  for (std::uint32_t i = 0; i < n; ++i) result.push_back(make(random, i));
  return result;
}

/// Two prefixes a peer.
void fill(AllowedIps& table, const std::vector<Prefix>& rows) {
  for (std::uint32_t i = 0; i < rows.size(); ++i) table.insert(rows[i], i / 2);
}

void lookup(benchmark::State& state, Make make, std::size_t questions) {
  const std::vector<Prefix> rows = prefixes(make, static_cast<std::size_t>(state.range(0)));
  AllowedIps table;
  fill(table, rows);
  Random random(1);
  std::vector<IpAddress> asked;
  // Host bits included, which are as random as the prefix.
  for (std::size_t i = 0; i < questions; ++i) asked.push_back(rows[random() % rows.size()].address);
  std::size_t next = 0;
  for (auto _ : state) {
    const AllowedIps::Owner owner = table.lookup(asked[next]);
    benchmark::DoNotOptimize(owner);
    next = (next + 1 + (owner & 1)) & (questions - 1);
  }
  state.counters["octets/prefix"] = static_cast<double>(table.memory()) / static_cast<double>(table.size());
}

/// The time of one prefix, while a table of this size is built.
void insert(benchmark::State& state, Make make) {
  const std::vector<Prefix> rows = prefixes(make, static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    AllowedIps table;
    fill(table, rows);
    benchmark::DoNotOptimize(table.size());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

/// A peer with two prefixes goes and comes back, in a table of this size.
void replace_owner(benchmark::State& state, Make make) {
  const std::vector<Prefix> rows = prefixes(make, static_cast<std::size_t>(state.range(0)));
  AllowedIps table;
  fill(table, rows);
  Random random(1);
  for (auto _ : state) {
    const auto peer = static_cast<std::uint32_t>(random() % (rows.size() / 2));
    table.remove_owner(peer);
    table.insert(rows[2 * peer], peer);
    table.insert(rows[2 * peer + 1], peer);
  }
}

void sizes(benchmark::internal::Benchmark* bench) {
  for (const std::int64_t n : {10, 100, 1000, 10'000, 100'000, 1'000'000}) bench->Arg(n);
}

void big_sizes(benchmark::internal::Benchmark* bench) {
  for (const std::int64_t n : {1000, 130'000, 1'000'000}) bench->Arg(n);
}

}  // namespace

BENCHMARK_CAPTURE(lookup, v4_pool, v4_pool, kQuestions)->Apply(sizes);
BENCHMARK_CAPTURE(lookup, v4_single, v4_single, kQuestions)->Apply(sizes);
BENCHMARK_CAPTURE(lookup, v4_mixed, v4_mixed, kQuestions)->Apply(sizes);
BENCHMARK_CAPTURE(lookup, v6_single, v6_single, kQuestions)->Apply(sizes);
BENCHMARK_CAPTURE(lookup, v6_mixed, v6_mixed, kQuestions)->Apply(sizes);
BENCHMARK_CAPTURE(lookup, v4_single_cold, v4_single, kColdQuestions)->Arg(130'000)->Arg(1'000'000);
BENCHMARK_CAPTURE(lookup, v6_single_cold, v6_single, kColdQuestions)->Arg(130'000)->Arg(1'000'000);
BENCHMARK_CAPTURE(insert, v4_single, v4_single)->Apply(big_sizes)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(insert, v6_single, v6_single)->Apply(big_sizes)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(replace_owner, v4_single, v4_single)->Apply(big_sizes);
BENCHMARK_CAPTURE(replace_owner, v6_mixed, v6_mixed)->Apply(big_sizes);

BENCHMARK_MAIN();
