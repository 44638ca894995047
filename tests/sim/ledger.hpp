// SPDX-License-Identifier: MIT
// The books of a world: every numbered packet inside, and every datagram outside, from one node to another.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include <culvert/time.hpp>

#include "packets.hpp"

namespace culvert::sim {

/// Time since the world began. Each node's own clocks are other numbers.
using Time = Duration;

/// Packets inside, from one node to another.
class Flow {
 public:
  std::uint64_t next_number() const { return sent_.size(); }
  void note_sent(Time now) { sent_.push_back({now, 0}); }
  /// False: nobody sent that packet.
  [[nodiscard]] bool note_delivered(Time now, std::uint64_t number) {
    if (number >= sent_.size()) return false;
    if (++packet(number).copies > 1) {
      ++duplicates_;
      return true;
    }
    if (number < next_expected_) ++overtaken_;
    next_expected_ = std::max(next_expected_, number + 1);
    deliveries_.push_back({now, number});
    return true;
  }

  [[nodiscard]] std::uint64_t sent() const { return sent_.size(); }
  [[nodiscard]] std::uint64_t delivered() const { return deliveries_.size(); }
  [[nodiscard]] std::uint64_t lost() const { return sent() - delivered(); }
  [[nodiscard]] std::uint64_t duplicates() const { return duplicates_; }
  [[nodiscard]] std::uint64_t overtaken() const { return overtaken_; }
  [[nodiscard]] bool was_delivered(std::uint64_t number) const {
    return sent_.at(static_cast<std::size_t>(number)).copies > 0;
  }

  /// Of the packets that were sent at or after `from`.
  [[nodiscard]] std::uint64_t lost_since(Time from) const {
    return static_cast<std::uint64_t>(
        std::count_if(sent_.begin(), sent_.end(), [&](const Sent& s) { return s.at >= from && s.copies == 0; }));
  }

  /// When the first packet was delivered at or after `from`, that was also sent then. nullopt: none was.
  [[nodiscard]] std::optional<Time> first_delivery(Time from) const {
    const auto later = [&](const Delivery& d) { return d.at >= from && packet(d.number).at >= from; };
    auto at = std::lower_bound(deliveries_.begin(), deliveries_.end(), from,
                               [](const Delivery& d, Time t) { return d.at < t; });
    at = std::find_if(at, deliveries_.end(), later);
    return at == deliveries_.end() ? std::nullopt : std::optional(at->at);
  }
  /// The same, whenever it was sent: packets that waited count.
  [[nodiscard]] std::optional<Time> first_arrival(Time from) const {
    const auto at = std::lower_bound(deliveries_.begin(), deliveries_.end(), from,
                                     [](const Delivery& d, Time t) { return d.at < t; });
    return at == deliveries_.end() ? std::nullopt : std::optional(at->at);
  }

 private:
  struct Sent {
    Time at;
    unsigned copies;
  };
  struct Delivery {
    Time at;
    std::uint64_t number;
  };
  [[nodiscard]] Sent& packet(std::uint64_t number) { return sent_[static_cast<std::size_t>(number)]; }
  [[nodiscard]] const Sent& packet(std::uint64_t number) const { return sent_[static_cast<std::size_t>(number)]; }

  std::vector<Sent> sent_;
  std::vector<Delivery> deliveries_;  // first copies, in the order of delivery
  std::uint64_t duplicates_ = 0, overtaken_ = 0;
  std::uint64_t next_expected_ = 0;
};

/// Datagrams outside, from one node to another.
struct Wire {
  std::array<std::uint64_t, 6> sent{}, lost{};  // by Kind
  std::vector<Time> initiations, keepalives;    // when they were sent
  Duration least_gap = Duration::max();         // between two initiations of one life of the sender
  std::optional<Time> last_initiation;          // of this life

  void note_sent(Time now, Kind kind) {
    ++sent[static_cast<std::size_t>(kind)];
    if (kind == Kind::initiation) {
      if (last_initiation) least_gap = std::min(least_gap, now - *last_initiation);
      last_initiation = now;
      initiations.push_back(now);
    }
    if (kind == Kind::keepalive) keepalives.push_back(now);
  }
  void note_lost(Kind kind) { ++lost[static_cast<std::size_t>(kind)]; }

  [[nodiscard]] std::uint64_t of(Kind kind) const { return sent[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] std::uint64_t lost_of(Kind kind) const { return lost[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] std::uint64_t total() const {
    std::uint64_t n = 0;
    for (const std::uint64_t count : sent) n += count;
    return n;
  }
};

}  // namespace culvert::sim
