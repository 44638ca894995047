// SPDX-License-Identifier: MIT
// The books of packets. Three ways, and on each what came in equals what left, what was dropped and what waits:
//
//   out   inner packets that the host handed over    read     = sent + dropped + waiting (for a session)
//   in    datagrams that arrived                      received = delivered + handshakes + keepalives + dropped
//   own   datagrams that are made here                made     = sent + dropped
//
// A packet that a super-packet held counts for itself, however it was read or written. What the kernel dropped before
// it reached us or after it was taken is in none of them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include <culvert/drop.hpp>

namespace culvert {

/// Adds to a counter that only this thread writes: no locked instruction.
inline void add_own(std::atomic<std::uint64_t>& counter, std::uint64_t n) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}
/// The same for what goes down again. `n` is no more than the counter holds.
inline void take_own(std::atomic<std::uint64_t>& counter, std::uint64_t n) noexcept {
  counter.store(counter.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
}

/// On which way a packet was.
enum class Way : std::uint8_t {
  out,  // an inner packet towards a peer
  in,   // a datagram from outside, and what was in it
  own,  // a keepalive or a handshake message of ours
};
inline constexpr std::size_t kWayCount = 3;

/// Packets dropped, by way and reason; written by the owner, read by anybody.
class DropCounters {
 public:
  void count(Way way, Drop drop, std::uint64_t n = 1) noexcept {
    add_own(counts_[static_cast<std::size_t>(way)][static_cast<std::size_t>(drop)], n);
  }
  [[nodiscard]] std::uint64_t of(Way way, Drop drop) const noexcept {
    return counts_[static_cast<std::size_t>(way)][static_cast<std::size_t>(drop)].load(std::memory_order_relaxed);
  }
  /// On all ways.
  [[nodiscard]] std::uint64_t of(Drop drop) const noexcept {
    return of(Way::out, drop) + of(Way::in, drop) + of(Way::own, drop);
  }

 private:
  std::array<std::array<std::atomic<std::uint64_t>, kDropCount>, kWayCount> counts_{};
};

/// The other side of the books, as one lane keeps it; written by the owner, read by anybody.
struct PacketCounters {
  std::atomic<std::uint64_t> read{0}, sent{0}, waiting{0};
  std::atomic<std::uint64_t> delivered{0}, keepalives{0};
  std::atomic<std::uint64_t> handed_over{0};  // handshake messages that came to a lane, which control counts further
  std::atomic<std::uint64_t> own_made{0}, own_sent{0};  // keepalives
  std::atomic<std::uint64_t> injected{0};               // packets that were written inside and came from nobody
};

}  // namespace culvert
