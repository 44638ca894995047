// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <optional>

#include <culvert/bytes.hpp>

#include "coalesce_rules.hpp"
#include "tun_queue.hpp"

namespace culvert::io {

enum class Coalescing : std::uint8_t { off, on };

struct CoalesceOptions {
  Coalescing tcp = Coalescing::off;
  Coalescing udp = Coalescing::off;
};

/// What a queue with that offload can take.
[[nodiscard]] constexpr CoalesceOptions coalesce_options(TunOffload granted) noexcept {
  return {.tcp = granted >= TunOffload::tcp ? Coalescing::on : Coalescing::off,
          .udp = granted >= TunOffload::udp ? Coalescing::on : Coalescing::off};
}

/// The kernel refused a super-packet of this kind, and took its parts.
struct SwitchedOff {
  Transport transport;
  int error = 0;  // errno of the refusal
};

/// What became of the packets since the flush before.
struct CoalesceOutcome {
  std::size_t written = 0;                  // packets
  std::size_t lost = 0;                     // packets
  TunFault fault;                           // of the last one lost; means nothing when none was
  std::optional<SwitchedOff> switched_off;  // to log once
};

/// Counters that any thread may read; written by the coalescer's own thread.
struct CoalesceCounters {
  std::atomic<std::uint64_t> super_packets{0};   // written as such
  std::atomic<std::uint64_t> joined_packets{0};  // that these held
  std::atomic<std::uint64_t> fallbacks{0};       // super-packets refused by the kernel
  std::atomic<std::uint64_t> evictions{0};       // groups closed early to make room for another flow
};

/// Joins neighbours of a flow and writes them to one TUN queue. Used by one thread; memory is fixed.
class Coalescer {
 public:
  /// `queue` must outlive the coalescer.
  Coalescer(TunQueue& queue, CoalesceOptions options) noexcept : queue_(queue), options_(options) {}
  Coalescer(const Coalescer&) = delete;
  Coalescer& operator=(const Coalescer&) = delete;

  /// Takes the next packet in order of arrival: exactly one IP packet, without padding. The packets of a flow are
  /// written in this order, at once or when their group closes. borrowed: until the next `flush`.
  void add(Bytes packet) noexcept;

  /// Writes all that is open. Called after each batch, since nothing waits beyond it.
  [[nodiscard]] CoalesceOutcome flush() noexcept;

  [[nodiscard]] CoalesceOptions options() const noexcept { return options_; }
  /// Between two batches only.
  void set_options(CoalesceOptions options) noexcept { options_ = options; }
  [[nodiscard]] const CoalesceCounters& counters() const noexcept { return counters_; }

 private:
  static constexpr std::size_t kGroups = 16;

  /// \returns kGroups: none.
  [[nodiscard]] std::size_t find(const Candidate& candidate, std::uint32_t hash) const noexcept;
  [[nodiscard]] std::size_t vacant() noexcept;
  void close(std::size_t index) noexcept;
  void close_same_addresses(Bytes packet) noexcept;
  void write_group(const Group& group) noexcept;
  void fall_back(const Group& group, int error) noexcept;
  bool write_one(Bytes packet) noexcept;
  [[nodiscard]] Coalescing& coalescing(Transport transport) noexcept {
    return transport == Transport::tcp ? options_.tcp : options_.udp;
  }

  TunQueue& queue_;
  CoalesceOptions options_;
  CoalesceOutcome outcome_;
  CoalesceCounters counters_;
  std::size_t next_victim_ = 0;
  std::array<std::uint32_t, kGroups> hashes_{};  // of the flow; 0: the group is closed
  std::array<Group, kGroups> groups_{};
};

}  // namespace culvert::io
