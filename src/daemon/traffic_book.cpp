// SPDX-License-Identifier: MIT
#include "traffic_book.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace culvert::daemon {
namespace {

constexpr std::string_view kFirst = "culvert traffic totals 1";
constexpr std::string_view kLast = "end ";                     // no key: those have no space
constexpr std::uint64_t kMostOctets = std::uint64_t{1} << 60;  // a century at 2.9 Gbit/s, and far from any overflow

/// The next word of a line, with what follows it: one space, or the line's end.
std::string_view take_word(std::string_view& line) noexcept {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

/// Decimal, without a sign, and without zeros in front.
template <class Integer>
bool take_number(std::string_view& line, Integer& number) noexcept {
  const std::string_view word = take_word(line);
  const char* const end = word.data() + word.size();
  const auto [stop, status] = std::from_chars(word.data(), end, number);
  const bool canonical = word == "0" || (!word.empty() && word.front() >= '1' && word.front() <= '9');
  return canonical && status == std::errc{} && stop == end;
}

Err<std::string> wrong(std::size_t line, std::string_view what) { return Err{fmt::format("line {}: {}", line, what)}; }

bool read_peer(std::string_view line, PublicKey& key, Total& total) noexcept {
  const std::size_t spaces = static_cast<std::size_t>(std::count(line.begin(), line.end(), ' '));
  const auto parsed = parse_public_key(take_word(line));
  if (spaces != 4 || !parsed) return false;
  key = *parsed;
  return take_number(line, total.traffic.received) && take_number(line, total.traffic.sent) &&
         take_number(line, total.traffic.since) && take_number(line, total.seen) &&
         total.traffic.received <= kMostOctets && total.traffic.sent <= kMostOctets;
}

}  // namespace

std::string totals_text(const Totals& totals) {
  std::string text = fmt::format("{}\n", kFirst);
  for (const auto& [key, total] : totals)
    text += fmt::format("{} {} {} {} {}\n", to_base64(key), total.traffic.received, total.traffic.sent,
                        total.traffic.since, total.seen);
  return text + fmt::format("{}{}\n", kLast, totals.size());
}

Result<Totals, std::string> parse_totals(std::string_view text) {
  Totals totals;
  for (std::size_t number = 1;; ++number) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return wrong(number, "the file ends before its last line");
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (number == 1) {
      if (line != kFirst) return wrong(number, "not a file of traffic totals, or of another version");
    } else if (line.starts_with(kLast)) {
      if (line.substr(kLast.size()) != std::to_string(totals.size()))
        return wrong(number, "another count of peers than there are");
      if (!text.empty()) return wrong(number + 1, "something behind the last line");
      return totals;
    } else {
      PublicKey key;
      Total total;
      if (!read_peer(line, key, total)) return wrong(number, "not a public key and four numbers");
      if (!totals.emplace(key, total).second) return wrong(number, "a peer that came before");
    }
  }
}

void TrafficBook::take(const DeviceText& device, std::int64_t now) {
  std::map<PublicKey, Counted> counted;
  for (const PeerText& peer : device.peers) {
    Counted before;
    if (const auto known = counted_.find(peer.public_key); known != counted_.end()) before = known->second;
    // A peer that was removed and made again counts from 0.
    if (peer.received_octets < before.received || peer.sent_octets < before.sent) before = {};
    const auto [entry, is_new] = totals_.try_emplace(peer.public_key);
    Total& total = entry->second;
    if (is_new) total.traffic.since = now;
    const Counted more{peer.received_octets - before.received, peer.sent_octets - before.sent};
    total.traffic.received = std::min(total.traffic.received + more.received, kMostOctets);
    total.traffic.sent = std::min(total.traffic.sent + more.sent, kMostOctets);
    total.seen = now;
    changed_ = changed_ || is_new || more.received != 0 || more.sent != 0;
    counted[peer.public_key] = {peer.received_octets, peer.sent_octets};
  }
  counted_ = std::move(counted);
  forget_the_old(now);
}

void TrafficBook::forget_the_old(std::int64_t now) {
  std::erase_if(totals_, [&](const auto& entry) { return now - entry.second.seen > kTotalsKeptSeconds; });
  if (totals_.size() <= counted_.size() + kMostGonePeers) return;
  std::vector<std::pair<std::int64_t, PublicKey>> gone;
  for (const auto& [key, total] : totals_)
    if (!counted_.contains(key)) gone.emplace_back(total.seen, key);
  std::sort(gone.begin(), gone.end());
  for (std::size_t i = 0; i + kMostGonePeers < gone.size(); ++i) totals_.erase(gone[i].second);
}

std::map<PublicKey, PastTraffic> TrafficBook::past() const {
  std::map<PublicKey, PastTraffic> past;
  for (const auto& [key, total] : totals_) past.emplace(key, total.traffic);
  return past;
}

void TrafficBook::open(const config::Config& config, std::int64_t now) {
  for (const config::PeerConfig& peer : config.peers) {
    Total& total = totals_[peer.public_key];
    if (std::exchange(total.seen, now) != 0) continue;
    total.traffic.since = now;
    changed_ = true;
  }
}

}  // namespace culvert::daemon
