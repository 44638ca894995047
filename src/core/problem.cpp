// SPDX-License-Identifier: MIT
// One row for each problem, in the order of the enum. A row that is missing, doubled or out of place does not compile.
#include "problem.hpp"

#include <algorithm>
#include <array>

namespace culvert {
namespace {

enum class Effect : std::uint8_t { down, some };

struct Row {
  Problem problem;
  std::string_view name;
  Effect effect;
  std::string_view text;
  std::string_view advice;
};

using enum Effect;

constexpr auto kRows = std::to_array<Row>({
    {Problem::disabled, "disabled", down, "The peer is switched off here.", "Enable it: culvert peer enable."},
    {Problem::expired, "expired", down, "The peer's time here is over.",
     "Give it a later date (key expires), or remove it."},
    {Problem::no_endpoint, "no_endpoint", down, "The peer has no endpoint here and has not called yet.",
     "Set its endpoint, or wait until it calls."},
    {Problem::weak_key, "weak_key", down, "The peer's public key is of low order: no handshake is possible.",
     "Ask its owner for a new key pair; this one was not made by a sound program."},
    {Problem::routing_loop, "routing_loop", down, "A route leads our datagrams for the peer into its own tunnel.",
     "Route its endpoint outside of the tunnel, or set a fwmark with a rule."},
    {Problem::blocked_by_firewall, "blocked_by_firewall", down,
     "This host's own firewall forbids our datagrams to the peer.",
     "Allow UDP to its endpoint in the output rules (nft list ruleset)."},
    {Problem::no_route, "no_route", down, "This host has no route to the peer's endpoint.",
     "Check the network outside the tunnel: ip route get ENDPOINT."},
    {Problem::send_failed, "send_failed", down, "The system refuses to send our datagrams to the peer.",
     "Look into the log for the reason, and check memory and the network interface."},
    {Problem::bad_answer, "bad_answer", down, "The peer answers, but its answer does not authenticate.",
     "The preshared keys differ, or only one end has one: set the same on both ends."},
    {Problem::port_closed, "port_closed", down, "The endpoint's host says that nobody listens on the port.",
     "Start the tunnel on the other end, and check the port in its ListenPort and in our endpoint."},
    {Problem::unreachable, "unreachable", down, "A router says that the endpoint cannot be reached.",
     "Check that the endpoint's address is right and that its host is on the network."},
    {Problem::admin_prohibited, "admin_prohibited", down, "A firewall on the way says that it forbids our datagrams.",
     "Allow UDP to the endpoint's port in the firewall at the address shown."},
    {Problem::old_timestamp, "old_timestamp", down, "The peer calls with a time that is not newer than its last.",
     "Its clock went back: set it right; or restart the tunnel here, which forgets the old time."},
    {Problem::unproven_key, "unproven_key", down, "Somebody calls under the peer's public key without proof of it.",
     "Check that the peer has the private key that belongs to this public key."},
    {Problem::initiations_too_close, "initiations_too_close", down,
     "The peer calls more often than once in 20 milliseconds.",
     "Look whether two machines use the same key, or whether its program is broken."},
    {Problem::never_confirmed, "never_confirmed", down, "The peer calls, we answer, and it does not go on.",
     "The preshared keys differ, or our answers do not reach it: compare the keys, then look for a firewall."},
    {Problem::answers_no_more, "answers_no_more", down,
     "The peer was here before, and answers no more at the address from which it spoke last.",
     "It may be off; or a NAT on its side has forgotten it: set PersistentKeepalive = 25 on its end."},
    {Problem::no_answer, "no_answer", down, "The peer does not answer.",
     "Check that it runs, its address and port, the firewalls between, and the public keys on both ends."},
    {Problem::cookie_demanded, "cookie_demanded", down, "The peer is under load and asked us to prove our address.",
     "Nothing: the next try carries the proof."},
    {Problem::data_unanswered, "data_unanswered", some,
     "The peer answers handshakes again and again, but none of our data: packets of that size get lost on the way.",
     "Lower the MTU of the interface on both ends; culvert doctor measures what passes."},
    {Problem::source_not_allowed, "source_not_allowed", some,
     "The peer sends from an inner address that is not its own.",
     "Add the address to its allowed IPs here, or correct the address on its end."},
    {Problem::inner_malformed, "inner_malformed", some, "The peer's packets hold no whole IP packet.",
     "The peer's program is broken."},
    {Problem::too_big, "too_big", some, "Packets for the peer were too big for a datagram.",
     "Lower the MTU of the interface."},
    {Problem::staging_full, "staging_full", some, "More packets waited for the peer's handshake than are kept.",
     "Nothing, once the handshake works."},
});

constexpr bool complete_and_in_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i)
    if (static_cast<std::size_t>(kRows[i].problem) != i) return false;
  return kRows.size() == kProblemCount;
}
static_assert(complete_and_in_order());

const Row& row(Problem problem) noexcept {
  return kRows[std::min(static_cast<std::size_t>(problem), kProblemCount - 1)];
}

}  // namespace

std::string_view name(Problem problem) noexcept { return row(problem).name; }
std::string_view text(Problem problem) noexcept { return row(problem).text; }
std::string_view advice(Problem problem) noexcept { return row(problem).advice; }
bool keeps_down(Problem problem) noexcept { return row(problem).effect == Effect::down; }

std::optional<Problem> problem_of(Drop drop) noexcept {
  switch (drop) {
    case Drop::zero_shared_secret:
      return Problem::weak_key;
    case Drop::peer_disabled:
      return Problem::disabled;
    case Drop::peer_expired:
      return Problem::expired;
    case Drop::bad_timestamp_tag:
      return Problem::unproven_key;
    case Drop::old_timestamp:
      return Problem::old_timestamp;
    case Drop::initiations_too_close:
      return Problem::initiations_too_close;
    case Drop::bad_response_tag:
      return Problem::bad_answer;
    case Drop::inner_malformed:
      return Problem::inner_malformed;
    case Drop::source_not_allowed:
      return Problem::source_not_allowed;
    case Drop::no_endpoint:
      return Problem::no_endpoint;
    case Drop::routing_loop:
      return Problem::routing_loop;
    case Drop::too_big:
      return Problem::too_big;
    case Drop::staging_full:
      return Problem::staging_full;
    case Drop::blocked_by_firewall:
      return Problem::blocked_by_firewall;
    case Drop::outside_unreachable:
      return Problem::no_route;
    case Drop::outside_send_failed:
      return Problem::send_failed;
    case Drop::not_wireguard:
    case Drop::truncated:
    case Drop::no_identity:
    case Drop::handshake_queue_full:
    case Drop::report_queue_full:
    case Drop::bad_mac1:
    case Drop::cookie_demanded:
    case Drop::rate_limited:
    case Drop::bad_static_tag:
    case Drop::unknown_peer:
    case Drop::unexpected_response:
    case Drop::unexpected_cookie:
    case Drop::bad_cookie_tag:
    case Drop::unknown_index:
    case Drop::replayed:
    case Drop::counter_limit:
    case Drop::session_expired:
    case Drop::bad_tag:
    case Drop::ecn_mismatch:
    case Drop::not_ip:
    case Drop::no_peer_for_destination:
    case Drop::no_peer_for_multicast:
    case Drop::handshake_gave_up:
    case Drop::interface_down:
    case Drop::inside_write_failed:
    case Drop::count_:
      return std::nullopt;
  }
  return std::nullopt;
}

void ProblemRecords::note(Problem problem, Now now, const std::optional<IpAddress>& address, std::uint64_t count) {
  auto it = std::find_if(records_.begin(), records_.end(), [&](const auto& r) { return r.problem == problem; });
  if (it == records_.end()) it = records_.insert(records_.end(), ProblemRecord{.problem = problem, .wall = {}});
  it->count += count;
  it->last = now.mono;
  it->wall = now.wall;
  if (address) it->address = address;
}

void ProblemRecords::forget(Problem problem) noexcept {
  std::erase_if(records_, [&](const ProblemRecord& record) { return record.problem == problem; });
}

const ProblemRecord* ProblemRecords::of(Problem problem) const noexcept {
  for (const ProblemRecord& record : records_)
    if (record.problem == problem) return &record;
  return nullptr;
}

const ProblemRecord* ProblemRecords::latest() const noexcept {
  const auto it =
      std::max_element(records_.begin(), records_.end(), [](const auto& a, const auto& b) { return a.last < b.last; });
  return it == records_.end() ? nullptr : &*it;
}

const ProblemRecord* ProblemRecords::cause(Instant since) const noexcept {
  const ProblemRecord* first = nullptr;
  for (const ProblemRecord& record : records_)
    if (keeps_down(record.problem) && record.last >= since && (first == nullptr || record.problem < first->problem))
      first = &record;
  return first;
}

}  // namespace culvert
