// SPDX-License-Identifier: MIT
// One row for each way to drop, in the order of the enum. A row that is missing, doubled or out of place does not
// compile.
#include <culvert/drop.hpp>

#include <array>

namespace culvert {
namespace {

struct Row {
  Drop drop;
  std::string_view name;
  std::string_view text;
};

constexpr auto kRows = std::to_array<Row>({
    // outside: any datagram
    {Drop::not_wireguard, "not_wireguard", "A datagram on the port was no WireGuard message by its type and length."},
    {Drop::truncated, "truncated", "A datagram was longer than the buffer for it and arrived cut short."},
    {Drop::no_identity, "no_identity",
     "A handshake message came, or a packet was to leave, before a private key was set."},
    {Drop::handshake_queue_full, "handshake_queue_full", "Handshake messages came faster than they can be worked off."},
    {Drop::report_queue_full, "report_queue_full", "A lane had more to tell the control thread than its queue holds."},
    // outside: handshake
    {Drop::bad_mac1, "bad_mac1",
     "A handshake message was not addressed to our public key; check the key that the peer has for us."},
    {Drop::cookie_demanded, "cookie_demanded",
     "Under load, a handshake message without a valid cookie was answered with one; "
     "peers that own their address try again with it."},
    {Drop::rate_limited, "rate_limited", "Under load, an address sent more handshake messages than its share."},
    {Drop::zero_shared_secret, "zero_shared_secret",
     "A key of low order gave an all-zero shared secret; whoever has it is broken or hostile."},
    {Drop::bad_static_tag, "bad_static_tag",
     "The sealed public key of an initiation did not authenticate; it was damaged or forged."},
    {Drop::unknown_peer, "unknown_peer",
     "An initiation came from a public key that is not configured here; add the peer or ignore it."},
    {Drop::peer_disabled, "peer_disabled",
     "A peer that is switched off here called, or a packet was for it; enable it to let it in."},
    {Drop::peer_expired, "peer_expired",
     "A peer whose time here is over called, or a packet was for it; give it a later date to let it in."},
    {Drop::bad_timestamp_tag, "bad_timestamp_tag",
     "An initiation did not prove its sender's key; check that both ends have the right keys."},
    {Drop::old_timestamp, "old_timestamp",
     "An initiation was not newer than the peer's last one: a replay, or the peer's clock went back."},
    {Drop::initiations_too_close, "initiations_too_close",
     "A peer sent initiations faster than one in 20 milliseconds."},
    {Drop::unexpected_response, "unexpected_response",
     "A response answered no initiation that is waiting for one; it came late or twice."},
    {Drop::bad_response_tag, "bad_response_tag",
     "A response did not authenticate; check that both ends have the same preshared key."},
    {Drop::unexpected_cookie, "unexpected_cookie", "A cookie reply answered no handshake message of ours."},
    {Drop::bad_cookie_tag, "bad_cookie_tag", "A cookie reply did not authenticate; it was damaged or forged."},
    // outside: data
    {Drop::unknown_index, "unknown_index",
     "A data packet named a session that is not here; after a restart the peer needs a new handshake."},
    {Drop::session_expired, "session_expired", "A data packet came for a session that is past its lifetime."},
    {Drop::counter_limit, "counter_limit", "A data packet's counter was past the number that one session may carry."},
    {Drop::bad_tag, "bad_tag", "A data packet did not authenticate; it was damaged on the way or forged."},
    {Drop::replayed, "replayed", "A data packet came twice, or later than the replay window reaches back."},
    {Drop::inner_malformed, "inner_malformed",
     "A peer's packet held no IPv4 or IPv6 packet of the length that it states."},
    {Drop::source_not_allowed, "source_not_allowed",
     "A peer sent from an inner address that is not its own; check its allowed IPs on this end."},
    {Drop::ecn_mismatch, "ecn_mismatch",
     "A packet was marked congested on the way, but its flow does not know such marks; the loss tells it."},
    // inside
    {Drop::not_ip, "not_ip", "The host handed the tunnel a packet that is no whole IPv4 or IPv6 packet."},
    {Drop::no_peer_for_destination, "no_peer_for_destination",
     "No peer's allowed IPs hold the destination; check routes and allowed IPs."},
    {Drop::no_peer_for_multicast, "no_peer_for_multicast",
     "The host sent multicast, as every host does, and no peer's allowed IPs hold the group; nothing is amiss."},
    {Drop::no_endpoint, "no_endpoint",
     "The destination's peer has no endpoint and has not called yet; set its endpoint or wait for it."},
    {Drop::routing_loop, "routing_loop",
     "A route leads our own datagrams for a peer back into the tunnel; route the peer's endpoint outside of it."},
    {Drop::too_big, "too_big", "A packet was too big for the tunnel; check the MTU of the interface."},
    {Drop::staging_full, "staging_full",
     "More packets waited for a peer's handshake than are kept; some were dropped."},
    {Drop::handshake_gave_up, "handshake_gave_up",
     "A peer did not answer for 90 seconds and the packets waiting for it were dropped; "
     "check its endpoint, its keys and the firewalls between."},
    {Drop::interface_down, "interface_down", "A packet came while the interface was down."},
    // system calls
    {Drop::blocked_by_firewall, "blocked_by_firewall",
     "The firewall of this host forbade a datagram; check the rules for the listen port and fwmark."},
    {Drop::outside_unreachable, "outside_unreachable",
     "This host has no way to a peer's endpoint; check the network outside the tunnel."},
    {Drop::outside_send_failed, "outside_send_failed",
     "The system refused to send a datagram for want of room or another reason; see the log."},
    {Drop::inside_write_failed, "inside_write_failed",
     "The tunnel interface refused an opened packet; check that it is up."},
});

constexpr bool complete_and_in_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<std::size_t>(kRows[i].drop) != i) return false;
  }
  return kRows.size() == kDropCount;
}
static_assert(complete_and_in_order());

// A number that is no enumerator can only come from a caller's cast.
constexpr Row kUnknown{Drop::count_, "unknown", "A reason without a name."};

const Row& row(Drop drop) noexcept {
  const auto i = static_cast<std::size_t>(drop);
  return i < kRows.size() ? kRows[i] : kUnknown;
}

}  // namespace

std::string_view name(Drop drop) noexcept { return row(drop).name; }
std::string_view text(Drop drop) noexcept { return row(drop).text; }

}  // namespace culvert
