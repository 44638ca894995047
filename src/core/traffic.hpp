// SPDX-License-Identifier: MIT
// What the lanes write about a peer and the control thread reads: instants for the timers, and octets.
// The hot path writes an instant, never a timer. All words are relaxed atomics: each stands for itself, and an
// order lost within a race is an order that the network could have produced.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include <culvert/time.hpp>

#include "packet_counts.hpp"
#include "peer_drops.hpp"

namespace culvert {

/// Does a packet carry data, or does it only prove that the peer lives (keepalives, handshakes)?
enum class Carries : std::uint8_t { data, nothing };

/// An instant or none, in one lock-free word. The epoch of the clock itself stands for none.
class AtomicInstant {
 public:
  [[nodiscard]] std::optional<Instant> load() const noexcept {
    const auto ns = ns_.load(std::memory_order_relaxed);
    return ns == 0 ? std::nullopt : std::optional(Instant(Duration(ns)));
  }
  void store(Instant at) noexcept { ns_.store(at.time_since_epoch().count(), std::memory_order_relaxed); }
  void store_if_none(Instant at) noexcept {
    if (ns_.load(std::memory_order_relaxed) == 0) store(at);
  }
  void clear() noexcept {
    if (ns_.load(std::memory_order_relaxed) != 0) ns_.store(0, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::int64_t> ns_{0};
};

struct PeerTraffic {
  struct LaneOctets {
    std::atomic<std::uint64_t> sent{0}, received{0};
  };

  explicit PeerTraffic(std::size_t lanes)
      : lane_count_(lanes),
        stride_(lanes == 1 ? 1 : kApart),
        octets_(std::make_unique<LaneOctets[]>(lanes * stride_)) {}

  AtomicInstant unheard_since;       // first data sent since anything authentic was heard
  AtomicInstant unanswered_since;    // first data received since anything was sent
  AtomicInstant last_passage;        // last authentic packet either way
  AtomicInstant last_heard;          // last authentic packet of the peer's
  std::atomic<bool> watched{false};  // control has a deadline that covers the instants above

  /// One writer each.
  [[nodiscard]] LaneOctets& octets(std::size_t lane) noexcept { return octets_[lane * stride_]; }

  PeerDrops drops;  // any lane; never on the warm path

  /// After sealing for the peer. True when control has to be told to watch.
  [[nodiscard]] bool note_sent(Instant now, Carries carries) noexcept {
    if (carries == Carries::data) unheard_since.store_if_none(now);
    unanswered_since.clear();
    last_passage.store(now);
    return carries == Carries::data && !watched.load(std::memory_order_relaxed);
  }
  /// After something from the peer authenticated. True when control has to be told to watch.
  [[nodiscard]] bool note_heard(Instant now, Carries carries) noexcept {
    if (carries == Carries::data) unanswered_since.store_if_none(now);
    unheard_since.clear();
    last_passage.store(now);
    last_heard.store(now);
    return carries == Carries::data && !watched.load(std::memory_order_relaxed);
  }
  void forget() noexcept {
    unheard_since.clear();
    unanswered_since.clear();
    last_passage.clear();
  }

  [[nodiscard]] std::uint64_t octets_sent() const noexcept { return sum(&LaneOctets::sent); }
  [[nodiscard]] std::uint64_t octets_received() const noexcept { return sum(&LaneOctets::received); }

 private:
  [[nodiscard]] std::uint64_t sum(std::atomic<std::uint64_t> LaneOctets::*which) const noexcept {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < lane_count_; ++i)
      total += (octets_[i * stride_].*which).load(std::memory_order_relaxed);
    return total;
  }

  static constexpr std::size_t kApart = 64 / sizeof(LaneOctets);  // so that no two lanes write to one line of a cache

  std::size_t lane_count_;
  std::size_t stride_;
  std::unique_ptr<LaneOctets[]> octets_;
};

}  // namespace culvert
