// SPDX-License-Identifier: MIT
// What passed between each peer and us, restarts included: totals by public key, from counters that begin anew with
// each packet half and each time that a peer is made. Pure; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <culvert/keys.hpp>
#include <culvert/result.hpp>

#include "device_text.hpp"
#include "set_request.hpp"

namespace culvert::daemon {

struct Total {
  PastTraffic traffic;
  std::int64_t seen = 0;  // Unix seconds: when the peer was last one of the tunnel's

  friend bool operator==(const Total&, const Total&) = default;
};
using Totals = std::map<PublicKey, Total>;

inline constexpr std::int64_t kTotalsKeptSeconds = std::int64_t{90} * 86'400;  // after the peer was last seen
inline constexpr std::size_t kMostGonePeers = 10'000;                          // whose totals are kept

/// A file: a line that says what it is, one for each peer (public key, octets received, sent, since, seen), and one
/// that says how many there were.
[[nodiscard]] std::string totals_text(const Totals& totals);
/// Strict: what it takes, `totals_text` may have written. Error: a sentence that names the line.
[[nodiscard]] Result<Totals, std::string> parse_totals(std::string_view text);

class TrafficBook {
 public:
  explicit TrafficBook(Totals known) : totals_(std::move(known)) {}

  /// Another packet half runs, whose counters begin at 0.
  void begin_anew() { counted_.clear(); }
  /// Adds what has passed since the last call. Peers that were not seen for `kTotalsKeptSeconds` are forgotten, and of
  /// those that are gone the longest gone beyond `kMostGonePeers`.
  void take(const DeviceText& device, std::int64_t now);

  [[nodiscard]] const Totals& totals() const noexcept { return totals_; }
  /// Whether octets or peers were added since the book was made, or since this was last asked.
  [[nodiscard]] bool take_changed() noexcept { return std::exchange(changed_, false); }
  /// As a packet half is told it that begins now.
  [[nodiscard]] std::map<PublicKey, PastTraffic> past() const;
  /// The peers of `config` are counted, from `now` on where they were not before.
  void open(const config::Config& config, std::int64_t now);

 private:
  struct Counted {
    std::uint64_t received = 0, sent = 0;
  };

  void forget_the_old(std::int64_t now);

  Totals totals_;
  bool changed_ = false;
  std::map<PublicKey, Counted> counted_;  // as the packet half last said
};

}  // namespace culvert::daemon
