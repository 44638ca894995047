// SPDX-License-Identifier: MIT
// Where a lane leaves copies of inner packets for whoever captures: a bounded ring of octets from the lane's thread to
// control's. A packet that finds no room is counted and left out, so a slow reader costs the tunnel nothing but the
// copy. A lane without a tap looks at one pointer a train.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <culvert/bytes.hpp>
#include <culvert/time.hpp>

#include "packet_counts.hpp"
#include "peer_id.hpp"

namespace culvert::engine {

/// One inner packet, decrypted or not yet encrypted.
struct Captured {
  PeerId peer;
  Way way = Way::in;
  Instant at{};             // of the batch that it passed in
  std::uint32_t whole = 0;  // octets of the packet
  Bytes octets;             // the first of them; borrowed: from the ring, until `pop`
};

class Tap {
 public:
  static constexpr std::size_t kUsualOctets = std::size_t{4} << 20;

  /// \param capacity  of the ring in octets: a power of two, 128 KiB at least.
  /// \param snap      octets of a packet that are copied at most; 65535 at most.
  Tap(std::size_t capacity, std::size_t snap);

  // The lane's thread.

  /// Whose packets are taken from now on; nullopt: everybody's.
  void choose(std::optional<std::vector<PeerId>> only) { only_ = std::move(only); }
  [[nodiscard]] bool wants(PeerId peer) const noexcept;
  void take(PeerId peer, Way way, Instant at, Bytes packet) noexcept;
  /// Whether the reader has to be woken; true once until the reader has looked.
  [[nodiscard]] bool has_news() noexcept { return std::exchange(fresh_, false) && !told_.exchange(true); }

  // The reader's thread.

  /// Before a round of reading: what comes after this is news again.
  void begin_reading() noexcept { told_.exchange(false); }
  [[nodiscard]] std::optional<Captured> front() noexcept;
  /// Gives the room of `front` back.
  void pop() noexcept;

  // Any thread.

  [[nodiscard]] std::uint64_t taken() const noexcept { return taken_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

 private:
  struct Head {
    std::uint32_t octets;  // that follow; kEndOfRing: none, the next head is at the ring's start
    std::uint32_t whole;
    PeerId peer;
    std::int64_t at;
    std::uint64_t way;
  };
  static constexpr std::uint32_t kEndOfRing = 0xffff'ffff;

  std::unique_ptr<std::uint8_t[]> octets_;
  std::size_t capacity_;
  std::size_t snap_;
  std::optional<std::vector<PeerId>> only_;
  bool fresh_ = false;
  std::atomic<std::uint64_t> taken_{0}, dropped_{0};
  alignas(64) std::atomic<std::uint64_t> head_{0};  // where the reader is; both only grow
  alignas(64) std::atomic<std::uint64_t> tail_{0};  // where the lane writes next
  std::atomic<bool> told_{false};
};

}  // namespace culvert::engine
