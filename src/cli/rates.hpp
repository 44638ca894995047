// SPDX-License-Identifier: MIT
// What a live status adds to a status: rates between two looks, and a small graph of the last minute.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <span>
#include <string>

#include <culvert/time.hpp>

#include "console.hpp"
#include "status_document.hpp"

namespace culvert::cli {

/// "▁▂▅█": one character a value, the last `columns` of them, as parts of the greatest shown. Zero is the lowest line.
[[nodiscard]] std::string sparkline(std::span<const double> values, std::size_t columns);

/// Octets a second of one peer, one value a look, newest last.
struct RateHistory {
  std::deque<double> received, sent;
};

/// Turns counters into rates. Counters that fall (the peer or the daemon is a new one) start again at rate zero.
class Rates {
 public:
  static constexpr std::size_t kLooks = 60;

  void look(const InterfaceStatus& status, Instant at);
  /// borrowed: until the next look. Empty for a peer that has been seen once only.
  [[nodiscard]] const RateHistory& of(const PeerStatus& peer) const;

 private:
  struct Seen {
    std::uint64_t received = 0, sent = 0;
    Instant at;
    RateHistory history;
  };
  std::map<std::string, Seen> seen_;
};

/// One screen: the interface, then some lines a peer: who and how, the rates, and what to do where it is not up. Lines
/// are cut to `columns`, the text to `lines`.
[[nodiscard]] std::string watch_screen(const InterfaceStatus& status, const Rates& rates, std::int64_t now_unix,
                                       Console::Colours colours, std::size_t columns, std::size_t lines);

}  // namespace culvert::cli
