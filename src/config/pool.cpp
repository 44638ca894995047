// SPDX-License-Identifier: MIT
#include "pool.hpp"

#include <algorithm>

#include "networks.hpp"

namespace culvert::config {
namespace {

using Number = Octets<16>;  // an address as a number, first octet first; compares as numbers do

/// From the first to the last address of a prefix.
struct Range {
  Number first, last;
  friend auto operator<=>(const Range&, const Range&) = default;
};

Range range_of(const Prefix& prefix) {
  Range range{masked(prefix).address.octets, masked(prefix).address.octets};
  for (std::size_t bit = prefix.length; bit < address_bits(prefix.address.family); ++bit)
    range.last[bit / 8] = static_cast<std::uint8_t>(range.last[bit / 8] | (0x80u >> (bit % 8)));
  return range;
}

/// One more. False: it was the last of all.
bool increment(Number& number, Family family) noexcept {
  for (std::size_t i = family == Family::v4 ? 4 : 16; i-- > 0;)
    if (++number[i] != 0) return true;
  return false;
}

std::vector<Range> taken_in(const Prefix& pool, const Config& config) {
  const std::uint8_t bits = address_bits(pool.address.family);
  const Range range = range_of(pool);
  std::vector<Range> taken;
  if (bits - pool.length > 1) {
    taken.push_back({range.first, range.first});
    if (pool.address.family == Family::v4) taken.push_back({range.last, range.last});
  }
  for (const Prefix& own : config.addresses)
    if (contains(pool, whole(own.address))) taken.push_back(range_of(whole(own.address)));
  for (const PeerConfig& peer : config.peers) {
    for (const Prefix& allowed : peer.allowed_ips) {
      // A peer that is a way to everywhere does not take every address; nor does a site that is the whole pool's way.
      if (contains(pool, allowed) && allowed.length > pool.length) taken.push_back(range_of(allowed));
      if (allowed == pool && allowed.length == bits) taken.push_back(range_of(allowed));
    }
  }
  std::sort(taken.begin(), taken.end());
  return taken;
}

std::optional<Prefix> lowest_free(const Prefix& pool, const Config& config) {
  const Range all = range_of(pool);
  Number candidate = all.first;
  for (const Range& range : taken_in(pool, config)) {
    if (range.first > candidate) break;
    if (range.last < candidate) continue;
    candidate = range.last;
    if (!increment(candidate, pool.address.family)) return std::nullopt;
  }
  if (candidate > all.last) return std::nullopt;
  return Prefix{.address = {.family = pool.address.family, .octets = candidate},
                .length = address_bits(pool.address.family)};
}

}  // namespace

Result<std::vector<Prefix>, std::string> next_free(const Config& config) {
  if (config.pool.prefixes.empty())
    return Err{
        std::string("there is no pool to take an address from; add [pool] with prefixes = [\"10.0.0.0/24\"], "
                    "or give the address")};
  std::vector<Prefix> out;
  for (const Prefix& pool : config.pool.prefixes) {
    const auto free = lowest_free(pool, config);
    if (!free)
      return Err{"the pool " + to_string(pool) + " has no free address; remove a peer, or add a prefix to the pool"};
    out.push_back(*free);
  }
  return out;
}

}  // namespace culvert::config
