// SPDX-License-Identifier: MIT
// Arbitrary schedules: a seed makes up bad weather and mishaps for some minutes, then the network heals and everybody
// has something to say. Whatever went before, traffic flows both ways within two retries, nothing was ever delivered
// twice or to the wrong node, and no node initiated more often than every five seconds. A seed that fails can be played
// alone:
//
//   CULVERT_SIM_SEED=4711 CULVERT_SIM_SCHEDULES=1 build/tests/sim/sim --source-file='*schedule_test.cpp'
#include <doctest/doctest.h>

#include <cstdio>

#include "pair.hpp"

using namespace culvert;
using namespace culvert::sim;

namespace {

// Two retries, each with its jitter, and the messages of the second handshake with its first data.
constexpr Duration kBound = 2 * (kRetryAfter + kMostJitter) + 3 * kDelay;
constexpr Duration kBoundWhenMoved = 15s + kMostJitter + 3 * kDelay;

class Schedule {
 public:
  Schedule(std::uint64_t seed, std::size_t nodes) : world_(seed) {
    for (std::size_t i = 0; i < nodes; ++i) nodes_.push_back(&world_.add());
    // Restarts forget stamps that were sent, and a clock that was set back then makes stamps which nobody accepts.
    clocks_may_step_ = chance(0.3);
    if (chance(0.25)) nodes_[0]->nat = &world_.add_nat(1, world_.rng().between(20s, 200s));
    for (std::size_t i = 0; i < nodes; ++i)
      for (std::size_t k = i + 1; k < nodes; ++k) {
        Introduction how;
        how.b_knows_a = nodes_[i]->nat == nullptr;
        if (chance(0.2)) how.keepalive_of_a = std::chrono::seconds(1 + below(30));
        if (chance(0.2)) how.keepalive_of_b = std::chrono::seconds(1 + below(30));
        world_.introduce(*nodes_[i], *nodes_[k], how);
      }
  }

  void play() {
    for_each_direction([&](Node& from, Node& to) {
      change_weather(from, to);
      chatter(from, to);
    });
    const Time end = chance(0.15) ? world_.rng().between(150s, 900s) : world_.rng().between(20s, 150s);
    while (world_.now() < end) {
      world_.run_for(world_.rng().between(100ms, 20s));
      mishap();
    }
    heal();
  }

  void check() {
    const Time healed = world_.now();
    std::map<std::pair<Node*, Node*>, Duration> bounds;
    for_each_direction([&](Node& from, Node& to) {
      bounds[{&from, &to}] = finds(from, to) && finds(to, from) ? kBound : kBoundWhenMoved;
    });
    for_each_direction([&](Node& from, Node& to) { world_.traffic(from, to, 50ms, healed + 30s); });
    world_.run_for(30s);
    for_each_direction([&](Node& from, Node& to) {
      CAPTURE(from.id);
      CAPTURE(to.id);
      const auto at = world_.flow(from, to).first_delivery(healed);
      REQUIRE(at);
      slowest = std::max(slowest, *at - healed);
      const Duration bound = bounds[{&from, &to}] + 50ms;  // the next packet after the handshake
      CHECK(*at - healed <= bound);
      CHECK(world_.wire(from, to).least_gap >= kRetryAfter);
      // From the bound on nothing is lost any more.
      CHECK(world_.flow(from, to).lost_since(healed + bound) <= 1);  // one is on the way
    });
    CHECK(world_.duplicates() == 0);
    CHECK(world_.wrong_deliveries() == 0);
  }

  static inline Duration slowest{};

 private:
  [[nodiscard]] bool chance(double p) { return world_.rng().chance(p); }
  [[nodiscard]] std::uint64_t below(std::uint64_t n) { return world_.rng().below(n); }
  [[nodiscard]] std::size_t index_below(std::size_t n) { return static_cast<std::size_t>(below(n)); }
  [[nodiscard]] Node& any_node() { return *nodes_[index_below(nodes_.size())]; }
  [[nodiscard]] double share(double most) { return most * static_cast<double>(below(1001)) / 1000; }

  template <class F>
  void for_each_direction(F&& f) {
    for (Node* from : nodes_)
      for (Node* to : nodes_)
        if (from != to) f(*from, *to);
  }

  /// Does the node look for its peer where it is?
  [[nodiscard]] static bool finds(const Node& node, const Node& peer) {
    return peer.nat == nullptr && node.tunnel->status(peer.public_key)->endpoint == peer.here;
  }

  void change_weather(Node& from, Node& to) {
    Rng& rng = world_.rng();
    world_.path(from, to) = {.delay = rng.between(0ms, 400ms),
                             .jitter = rng.between(0ms, 400ms),
                             .loss = share(0.6),
                             .duplication = share(0.2),
                             .reordering = share(0.3),
                             .late = rng.between(0ms, 7s),
                             .cut = chance(0.1)};
  }

  // Bursts and pauses of random length until the network is healed.
  void chatter(Node& from, Node& to) {
    if (healed_) return;
    world_.send(from, to);
    const Duration pause = chance(0.1) ? world_.rng().between(5s, 60s) : world_.rng().between(10ms, 3s);
    world_.at(world_.now() + pause, [this, &from, &to] { chatter(from, to); });
  }

  void mishap() {
    Node& node = any_node();
    Node& other = *nodes_[(node.id + 1 + index_below(nodes_.size() - 1)) % nodes_.size()];
    switch (below(8)) {
      case 0:
        return change_weather(node, other);
      case 1:
        return world_.cut(node, other);
      case 2:
        world_.path(node, other).cut = true;
        return;
      case 3:
        return world_.mend(node, other);
      case 4:
        if (!clocks_may_step_) world_.restart(node);
        return;
      case 5:
        if (nodes_[0]->nat != nullptr) return nodes_[0]->nat->forget();
        // Only the first node moves: if two did at once, nobody would know where to look.
        return world_.move(*nodes_[0], static_cast<std::uint8_t>(100 + below(100)));
      case 6:
        if (clocks_may_step_) node.wall_shift = std::chrono::seconds(below(1'000'000)) - std::chrono::seconds(500'000);
        return;
      case 7:
        return chance(0.5) ? world_.sleep(node, world_.rng().between(100ms, 200s))
                           : world_.demand_cookies(node, Tunnel::Cookies::demanded);
    }
  }

  void heal() {
    healed_ = true;
    world_
        .lose_all_under_way();  // an old packet that comes late is a sign of life of somebody who is not there any more
    for_each_direction([&](Node& from, Node& to) {
      world_.path(from, to) = {};
      world_.demand_cookies(from, Tunnel::Cookies::not_asked);
      from.asleep = false;
    });
  }

  World world_;
  std::vector<Node*> nodes_;
  bool clocks_may_step_ = false;
  bool healed_ = false;
};

void play_all(const char* what, std::size_t nodes, std::size_t schedules) {
  Schedule::slowest = {};
  for (const std::uint64_t seed :
       seeds(what, static_cast<std::size_t>(from_environment("CULVERT_SIM_SCHEDULES", schedules)))) {
    CAPTURE(seed);
    Schedule schedule(seed, nodes);
    schedule.play();
    schedule.check();
  }
  std::printf("%s: slowest recovery %.3f s\n", what, std::chrono::duration<double>(Schedule::slowest).count());
}

}  // namespace

TEST_CASE("two nodes: within two retries after any schedule, both directions carry data again") {
  play_all("schedules of two nodes", 2, 1600);
}

TEST_CASE("three nodes: within two retries after any schedule, all directions carry data again") {
  play_all("schedules of three nodes", 3, 400);
}
