// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include <culvert/tunnel.hpp>

#include "ledger.hpp"
#include "nat.hpp"
#include "random.hpp"

namespace culvert::sim {

/// What a node's configuration says of one peer. It outlives restarts.
struct PeerConfig {
  std::size_t node = 0;  // whose number in the world
  std::optional<Endpoint> endpoint;
  Octets<32> psk{};
  std::chrono::seconds keepalive{0};
  std::uint8_t allowed_bits = 32;  // of its inside address
};

/// One machine: a Tunnel, or none while it is down; its own clocks; an address, maybe behind a NAT.
struct Node {
  Node(std::size_t id_, std::uint64_t seed)
      : id(id_), entropy(seed), inside(address(10, static_cast<std::uint8_t>(id_ + 1))) {
    here = {address(192, static_cast<std::uint8_t>(id + 1)), 51820, 0};
    SeededEntropy(seed + id + 1).fill(key);  // so that nodes of one seed still have keys of their own
    mono_base = std::chrono::seconds(1000) * static_cast<int>(id + 1);
  }

  const std::size_t id;
  SeededEntropy entropy;
  Octets<32> key{};
  PublicKey public_key;
  IpAddress inside;  // also its allowed IP at its peers
  Endpoint here;     // as the node itself sees it
  Nat* nat = nullptr;
  std::vector<PeerConfig> peers;
  Tunnel::Cookies cookies = Tunnel::Cookies::not_asked;

  std::optional<Tunnel> tunnel;
  bool asleep = false;
  Duration mono_base{};                  // of the boot-time clock; it goes on while the node sleeps
  std::chrono::seconds wall_shift{0};    // of the clock on the wall
  std::optional<UnixTime> wall_stopped;  // a clock that shows this and stays there
  std::array<std::uint64_t, kDropCount> drops{};
  /// What the world saw of this life of the tunnel, to be held against the tunnel's own books.
  struct Seen {
    std::uint64_t read = 0, sent = 0, received = 0, delivered = 0, drops = 0;
  } seen;

  [[nodiscard]] static IpAddress address(std::uint8_t first, std::uint8_t last) {
    IpAddress a;
    a.octets = {first, 0, 2, last};
    return a;
  }
  [[nodiscard]] bool is_up() const { return tunnel && !asleep; }
  [[nodiscard]] std::uint64_t dropped(Drop why) const { return drops[static_cast<std::size_t>(why)]; }

  [[nodiscard]] Now clocks(Time now) const {
    const Duration since_1970 = std::chrono::seconds(1'700'000'000) + now;
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since_1970);
    const UnixTime wall{(seconds + wall_shift).count(), static_cast<std::uint32_t>((since_1970 - seconds).count())};
    return {Instant(mono_base + now), wall_stopped.value_or(wall)};
  }
  /// When its timers want to run. nullopt: never, or it is not up.
  [[nodiscard]] std::optional<Time> deadline() const {
    if (!is_up()) return std::nullopt;
    const auto at = tunnel->next_deadline();
    return at ? std::optional(at->time_since_epoch() - mono_base) : std::nullopt;
  }
};

}  // namespace culvert::sim
