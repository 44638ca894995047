// SPDX-License-Identifier: MIT
// Of a flood of handshake messages: from whom it comes, where those are few. They are thinned in the kernel then
// (io/udp_thinning.hpp), since a full receive buffer would lose the message of a newcomer as well.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <culvert/time.hpp>

#include "udp_thinning.hpp"

namespace culvert::engine {

/// Watches one socket of control, interval by interval. Those are heavy who sent many times the share that an address
/// has under load (`RateLimiter`) in an interval in which the socket overflowed. Who has been quiet for some seconds is
/// let off. Bounded; control's thread.
///
/// Arrivals are counted in slots in which a tag holds its place by majority: what others send into a slot takes from
/// its count. So heavy senders stand out; of two that share a slot both may be missed, but not in the next interval,
/// which deals the slots anew.
///
/// The addresses of peers that speak are spared: holding back what bears one would let a forger cut that peer off.
class HeavySenders {
 public:
  static constexpr Duration kInterval = std::chrono::milliseconds(100);
  static constexpr Duration kQuiet = std::chrono::seconds(2);
  static constexpr std::uint32_t kTimesShare = 25;
  static constexpr unsigned kFirstShare = 6, kLastShare = 12;
  static constexpr std::uint64_t kManyPass = 250;  // of heavy ones in an interval: let fewer through
  static constexpr std::uint64_t kFewPass = kManyPass / 16;

  /// \param mix  random: for tags, and for their places.
  /// \param drops  of the socket until now.
  explicit HeavySenders(std::uint32_t mix, std::uint64_t drops = 0);

  /// What an address may send under load, datagrams a second.
  void set_share(std::uint32_t per_second) noexcept;

  /// `datagrams` of one sender arrived.
  void count(const IpAddress& from, std::size_t datagrams) noexcept;

  /// Whether the interval is over.
  [[nodiscard]] bool due(Instant now) const noexcept { return now >= interval_end_; }
  /// \param drops  of the socket until now, the filter's included.
  [[nodiscard]] bool overflowed(std::uint64_t drops) const noexcept { return drops != drops_seen_; }
  /// A peer speaks from this address. To be told of all of them before each `look` at an interval that overflowed.
  void spare(const IpAddress& address) noexcept;
  /// Closes the interval.
  /// \param peers  so many were spared: with very many the next interval is longer.
  /// \returns whether `thinning` differs from before.
  [[nodiscard]] bool look(Instant now, std::uint64_t drops, std::size_t peers = 0);

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
    std::uint32_t count = 0;  // when it was last heard
    Instant last_heard{};
  };
  [[nodiscard]] Slot& slot_of(std::uint32_t tag) noexcept;
  void note_heavy(Instant now);
  void let_off(Instant now);
  void list_new(Instant now);
  void adapt_share(Instant now) noexcept;

  std::uint32_t mix_;
  std::uint32_t deal_ = 0;        // of slots, in this interval
  std::uint32_t least_ = 0;       // datagrams that make heavy, in an interval
  unsigned share_ = kFirstShare;  // see io::Thinning
  std::uint64_t drops_seen_;
  Instant interval_end_{};
  std::vector<Heavy> heavy_;          // by tag
  std::vector<std::uint32_t> tags_;   // theirs
  std::array<Slot, kSlots> slots_{};  // of this interval
};

}  // namespace culvert::engine
