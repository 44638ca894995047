// SPDX-License-Identifier: MIT
#include "strangers.hpp"

#include <algorithm>

namespace culvert {
namespace {

/// The entry that `is_it` finds, or the one to write it to: a new one while there is room, else the quietest.
template <class Entry, class IsIt>
Entry& entry_for(std::vector<Entry>& entries, std::size_t most, IsIt is_it) noexcept {
  const auto found = std::find_if(entries.begin(), entries.end(), is_it);
  if (found != entries.end()) return *found;
  if (entries.size() < most) return entries.emplace_back();  // reserved when it was made
  Entry& quietest =
      *std::min_element(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.last < b.last; });
  quietest = {};
  return quietest;
}

template <class Entry>
std::vector<Entry> latest_first(std::vector<Entry> entries) {
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.last > b.last; });
  return entries;
}

}  // namespace

Strangers::Strangers() {
  networks_.reserve(kMaxNetworks);
  keys_.reserve(kMaxKeys);
}

Prefix Strangers::network_of(const IpAddress& address) noexcept {
  return masked({address, static_cast<std::uint8_t>(address.family == Family::v4 ? 24 : 48)});
}

void Strangers::refused(Now now, Drop reason, const Endpoint& from) noexcept {
  const Prefix network = network_of(from.address);
  StrangeNetwork& entry =
      entry_for(networks_, kMaxNetworks, [&](const StrangeNetwork& e) { return e.network == network; });
  entry.network = network;
  entry.last_from = from;
  entry.last = now.mono;
  entry.wall = now.wall;
  for (StrangeNetwork::Count& slot : entry.counts) {
    if (slot.count != 0 && slot.reason != reason) continue;
    slot.reason = reason;
    ++slot.count;
    return;
  }
}

void Strangers::showed_key(Now now, const PublicKey& key, const Endpoint& from) noexcept {
  StrangeKey& entry = entry_for(keys_, kMaxKeys, [&](const StrangeKey& e) { return e.key == key; });
  entry.key = key;
  entry.last_from = from;
  entry.last = now.mono;
  entry.wall = now.wall;
  ++entry.count;
}

void Strangers::forget_key(const PublicKey& key) noexcept {
  std::erase_if(keys_, [&](const StrangeKey& e) { return e.key == key; });
}

std::vector<StrangeNetwork> Strangers::networks() const { return latest_first(networks_); }
std::vector<StrangeKey> Strangers::keys() const { return latest_first(keys_); }

}  // namespace culvert
