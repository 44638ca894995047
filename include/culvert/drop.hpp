// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace culvert {

/// Every reason to drop a packet or to refuse a handshake. Each has a name (for counters), a text (for people)
/// and a test that produces it. Nothing else changes when a packet is dropped.
enum class Drop : std::uint8_t {
  // outside: any datagram
  not_wireguard,
  truncated,
  no_identity,
  handshake_queue_full,
  report_queue_full,
  // outside: handshake
  bad_mac1,
  cookie_demanded,
  rate_limited,
  zero_shared_secret,
  bad_static_tag,
  unknown_peer,
  peer_disabled,
  peer_expired,
  bad_timestamp_tag,
  old_timestamp,
  initiations_too_close,
  unexpected_response,
  bad_response_tag,
  unexpected_cookie,
  bad_cookie_tag,
  // outside: data
  unknown_index,
  session_expired,
  counter_limit,
  bad_tag,
  replayed,
  inner_malformed,
  source_not_allowed,
  ecn_mismatch,
  // inside
  not_ip,
  no_peer_for_destination,
  no_peer_for_multicast,
  no_endpoint,
  routing_loop,
  too_big,
  staging_full,
  handshake_gave_up,
  interface_down,
  // system calls
  blocked_by_firewall,
  outside_unreachable,
  outside_send_failed,
  inside_write_failed,
  count_,
};

inline constexpr std::size_t kDropCount = static_cast<std::size_t>(Drop::count_);

/// The counter's name: the enumerator as written, such as "bad_mac1".
[[nodiscard]] std::string_view name(Drop drop) noexcept;
/// One sentence for people: what happened, and where it can, what to look at.
[[nodiscard]] std::string_view text(Drop drop) noexcept;

}  // namespace culvert
