// SPDX-License-Identifier: MIT
// Sources cited in this project:
// [W]       WireGuard: Next Generation Kernel Network Tunnel, revision of 2020-06-01
// [K]       Linux kernel, drivers/net/wireguard, 6.18
// [N]       The Noise Protocol Framework, revision 34
// [RFC n]   the RFC of that number
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace culvert::params {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline constexpr std::uint64_t kWindowBits = 8192;                // [K] COUNTER_BITS_TOTAL
inline constexpr std::uint64_t kWindow = kWindowBits - 64;        // one word is always being recycled
inline constexpr std::uint64_t kRekeyAfterMessages = 1ULL << 60;  // [W 6.1]
// [W 6.1]: 2^64 - 2^13 - 1. No counter may come so close to the end that the window behind it would wrap.
inline constexpr std::uint64_t kRejectAfterMessages = ~0ULL - kWindowBits;
static_assert(kRejectAfterMessages + kWindow < ~0ULL);

inline constexpr seconds kRekeyAfterTime{120};   // [W 6.1]
inline constexpr seconds kRejectAfterTime{180};  // [W 6.1]
inline constexpr seconds kRekeyTimeout{5};       // [W 6.1]
inline constexpr seconds kKeepaliveTimeout{10};  // [W 6.1]
inline constexpr seconds kRekeyAttemptTime{90};  // [W 6.1]
inline constexpr milliseconds kMaxJitter{333};   // [W 6.1] of retransmitted and timed initiations
inline constexpr int kMaxRetries = kRekeyAttemptTime / kRekeyTimeout;
// [W 6.2] a receiving initiator renews while one more keepalive and one more attempt still fit.
inline constexpr seconds kRekeyAfterTimeReceiving = kRejectAfterTime - kKeepaliveTimeout - kRekeyTimeout;
inline constexpr seconds kMaxPersistentKeepalive{65535};     // [K] 16 bits
inline constexpr seconds kWipeAfter = 3 * kRejectAfterTime;  // [W 6.3]

inline constexpr milliseconds kInitiationInterval{20};  // [K] INITIATIONS_PER_SECOND 50
inline constexpr seconds kCookieMaxAge{120};            // [W 5.4.7]
inline constexpr seconds kCookieLatency{5};             // [K] COOKIE_SECRET_LATENCY
inline constexpr seconds kUnderLoadHold{1};             // [K] one second after the queue was last long

inline constexpr std::uint32_t kTokensPerSecond = 20;  // [K] ratelimiter.c PACKETS_PER_SECOND
inline constexpr std::uint32_t kTokenBurst = 5;        // [K] PACKETS_BURSTABLE

inline constexpr std::size_t kMaxStaged = 128;                  // [K] MAX_STAGED_PACKETS
inline constexpr std::size_t kMaxPeers = 1u << 20;              // [K] MAX_PEERS_PER_DEVICE
inline constexpr std::size_t kPaddingMultiple = 16;             // [W 5.4.6]
inline constexpr std::uint32_t kStampGranularityNs = 1u << 24;  // [K] tai64n: about 16.8 ms, hides the clock

}  // namespace culvert::params
