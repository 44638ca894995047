// SPDX-License-Identifier: MIT
// Of a flood of handshake messages: from whom it comes, where those are few. They are thinned in the kernel then
// (io/udp_thinning.hpp), since a full receive buffer would lose the message of a newcomer as well.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <culvert/time.hpp>

#include "udp_thinning.hpp"

namespace culvert::engine {

/// Watches one socket of control, interval by interval. For a moment from when the socket overflows on, those are heavy
/// who send many times the share that an address has under load (`RateLimiter`). A sender is let off when it sends half
/// of that or less, and all are when together they send what control reads with ease. Bounded; control's
/// thread.
///
/// Arrivals are counted in slots in which a tag holds its place by majority: what others send into a slot takes from
/// its count. So heavy senders stand out; of two that share a slot both may be missed, but not in the next interval,
/// which deals the slots anew.
///
/// The addresses of peers are spared: holding back what bears one would let a forger cut that peer off.
class HeavySenders {
 public:
  static constexpr Duration kInterval = std::chrono::milliseconds(100);  // at least
  static constexpr Duration kAlarm = std::chrono::milliseconds(500);     // from an overflow on some are listed
  static constexpr Duration kWindow = std::chrono::seconds(2);           // in which they are judged
  static constexpr std::uint64_t kTimesShare = 25;
  static constexpr std::uint64_t kEase = 8;            // one part in so many of what control could read is no flood
  static constexpr std::uint64_t kOverflowDrops = 64;  // fewer in an interval can have other reasons, as a bad checksum
  static constexpr std::uint64_t kOverflowRun = 4096;  // datagrams read without once finding the socket empty
  static constexpr std::uint64_t kManyPass = 2500;     // a second, of all who are thinned: let fewer through
  static constexpr std::uint64_t kFewPass = kManyPass / 16;
  static constexpr unsigned kFirstShare = 6, kLastShare = 12;  // see io::Thinning

  /// \param mix  random: for tags, and for their places.
  /// \param drops  of the socket until now.
  HeavySenders(std::uint32_t mix, Instant now, std::uint64_t drops);

  /// What an address may send under load, datagrams a second; 1 at least.
  void set_share(std::uint32_t per_second) noexcept { least_ = kTimesShare * std::max(per_second, 1U); }

  /// `datagrams` of one sender arrived.
  void count(const IpAddress& from, std::size_t datagrams) noexcept;
  /// So long it took to read and refuse what was counted since the last call.
  void spent(Duration time) noexcept { spent_ += time; }
  /// The socket was found empty.
  void found_empty() noexcept { run_ = 0; }

  /// Whether the interval is over.
  [[nodiscard]] bool due(Instant now) const noexcept { return now >= interval_end_; }
  /// Whether somebody is thinned, or may be after the next `look`: all peers are to be spared before it.
  /// \param drops  of the socket until now, those of the filter included.
  [[nodiscard]] bool asks_for_peers(Instant now, std::uint64_t drops) const noexcept;
  /// A peer is at this address.
  void spare(const IpAddress& address) noexcept;
  /// Closes the interval, and begins the next.
  /// \returns whether `thinning` differs from before.
  [[nodiscard]] bool look(Instant now, std::uint64_t drops);
  /// The interval begins now, and is longer than usual by `pause`.
  void begin(Instant now, Duration pause) noexcept;

  /// borrowed: until the next `look`.
  [[nodiscard]] io::Thinning thinning(Family family) const noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return tags_.size(); }
  /// While somebody is thinned: when to look again, even if nothing arrives.
  [[nodiscard]] std::optional<Instant> next_look() const noexcept;

 private:
  static constexpr std::size_t kSlots = 4096;
  struct Slot {
    std::uint32_t tag = 0, count = 0;
  };
  struct Heavy {
    std::uint32_t tag = 0;
    std::uint64_t sent = 0;  // in the window, by what passed
    std::uint64_t rate = 0;  // a second, when last heard
    Instant window_began{};
  };
  [[nodiscard]] Slot& slot_of(std::uint32_t tag) noexcept;
  [[nodiscard]] std::uint64_t a_second(std::uint64_t count, Instant now) const noexcept;
  void note_capacity() noexcept;
  void note_heavy(Instant now);
  [[nodiscard]] bool overflowed(std::uint64_t lost) const noexcept;
  void let_off(Instant now);
  void list_new(Instant now, std::uint64_t lost);
  void adapt_share(Instant now) noexcept;

  std::uint32_t mix_;
  std::uint32_t deal_ = 0;   // of slots, in this interval
  std::uint64_t least_ = 0;  // datagrams a second that make heavy
  unsigned share_ = kFirstShare;
  std::uint64_t drops_seen_;
  bool drops_are_new_ = false;               // false: they may be of a filter that is gone
  std::uint64_t arrived_ = 0, passed_ = 0;   // in this interval: all, and of those thinned
  std::uint64_t run_ = 0, longest_run_ = 0;  // datagrams
  Duration spent_{};                         // on those that arrived
  std::uint64_t capacity_ = 0;               // what control could read, datagrams a second
  Instant interval_began_, interval_end_;
  Instant alarm_end_{}, last_pressed_{};
  std::vector<Heavy> heavy_;          // by tag
  std::vector<std::uint32_t> tags_;   // theirs
  std::array<Slot, kSlots> slots_{};  // of this interval
};

}  // namespace culvert::engine
