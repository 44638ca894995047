// SPDX-License-Identifier: MIT
// The limiter beside its rule: 20 a second, burst 5, by IPv4 address or IPv6 /64. A table that is full refuses
// strangers, and never a token more.
#include "rate_limiter.hpp"

#include <sodium.h>

#include <map>

#include "support/input.hpp"

using namespace culvert;
using namespace culvert::fuzz;
using namespace std::chrono_literals;

namespace {

constexpr Duration kToken = 50ms;
constexpr std::size_t kEntries = 6;

struct Bucket {
  Instant last;
  Duration credit;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool started = sodium_init() >= 0;
  require(started, "libsodium starts");
  Input input(data, size);
  RateLimiter limiter(input.array<16>(), kEntries);
  std::map<Octets<8>, Bucket> model;  // never forgets
  Instant now{};
  while (!input.empty()) {
    const std::uint8_t what = input.octet();
    now += (what & 1 ? Duration(1ms) : Duration(10ms)) * input.octet();
    IpAddress from{what & 2 ? Family::v6 : Family::v4, {}};
    from.octets[3] = static_cast<std::uint8_t>(what >> 4);
    // Behind the /64; in an IPv4 address there is nothing.
    if (from.family == Family::v6) from.octets[12] = input.octet();

    Octets<8> key{};
    std::copy_n(from.octets.begin(), 4, key.begin());
    key[7] = from.family == Family::v6 ? 1 : 0;
    Bucket& bucket = model.try_emplace(key, Bucket{now, 5 * kToken}).first->second;
    bucket.credit = std::min<Duration>(5 * kToken, bucket.credit + (now - bucket.last));
    bucket.last = now;
    const bool may = bucket.credit >= kToken;
    const std::size_t before = limiter.size();
    const bool allowed = limiter.allow(now, from);
    require(limiter.size() <= kEntries, "the table is bounded");
    require(may || !allowed, "never more than the rule");
    require(!may || allowed || before == kEntries, "never less, unless the table is full");
    if (allowed) bucket.credit -= kToken;
  }
  return 0;
}
