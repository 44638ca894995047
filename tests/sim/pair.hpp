// SPDX-License-Identifier: MIT
// The world that most tests play in: two nodes that know each other, and the protocol's numbers, typed again.
#pragma once

#include "world.hpp"

namespace culvert::sim {

// From the protocol's table of constants, not from the code under test.
inline constexpr Duration kRekeyAfter = 120s;
inline constexpr Duration kRejectAfter = 180s;
inline constexpr Duration kRetryAfter = 5s;
inline constexpr Duration kMostJitter = 333ms;
inline constexpr Duration kGiveUpAfter = 90s;
inline constexpr Duration kKeepaliveAfter = 10s;
inline constexpr Duration kWipeAfter = 540s;

inline constexpr Duration kDelay = 20ms;  // one way, when a test says nothing else
inline constexpr Duration kRoundTrip = 2 * kDelay;

struct Pair {
  explicit Pair(std::uint64_t seed, const Introduction& how = {}, std::optional<std::uint64_t> node_seed = std::nullopt)
      : world(seed), a(world.add(node_seed)), b(world.add(node_seed)) {
    world.introduce(a, b, how);
  }
  /// A has a session of its own making, and both have used it. Takes one second.
  void connect() {
    world.send(a, b);
    world.run_for(500ms);
    world.send(b, a);
    world.run_for(500ms);
  }
  /// One packet each way at the same instant.
  void exchange() {
    world.send(a, b);
    world.send(b, a);
  }

  World world;
  Node& a;
  Node& b;

  [[nodiscard]] Flow& there() { return world.flow(a, b); }
  [[nodiscard]] Flow& back() { return world.flow(b, a); }
  [[nodiscard]] Wire& from_a() { return world.wire(a, b); }
  [[nodiscard]] Wire& from_b() { return world.wire(b, a); }
  /// How long after `since` a packet that was sent after it came through to B.
  [[nodiscard]] Duration until_there(Time since) {
    const auto at = there().first_delivery(since);
    return at ? *at - since : Duration::max();
  }
};

}  // namespace culvert::sim
