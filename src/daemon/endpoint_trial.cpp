// SPDX-License-Identifier: MIT
#include "endpoint_trial.hpp"

#include <utility>

namespace culvert::daemon {
namespace {

constexpr std::int64_t kSession = 180;          // seconds that a handshake serves [W 6.2]
constexpr std::uint64_t kKeepaliveOctets = 32;  // which ask for no answer
constexpr unsigned kQuiet = 2;                  // looks: initiations are 5 s apart and more, so one look may find none

}  // namespace

bool EndpointTrial::look(const PeerText& peer, Clock::time_point now, std::int64_t unix_now) {
  const bool first = !std::exchange(looked_, true);
  const auto before = std::exchange(looked_at_, now);
  const bool heard = std::exchange(received_, peer.received_octets) != peer.received_octets;
  const bool shook_hands = std::exchange(handshake_, peer.last_handshake) != peer.last_handshake;
  const std::uint64_t sent_before = std::exchange(sent_, peer.sent_octets);
  if (first || heard || shook_hands || peer.sent_octets < sent_before) {  // less: another packet half counts anew
    since_ = now;
    quiet_looks_ = 0;
    return false;
  }
  const bool session = peer.last_handshake != 0 && unix_now - peer.last_handshake < kSession;
  std::uint64_t unanswered = 0;
  if (session && peer.persistent_keepalive.count() > 0)
    unanswered = kKeepaliveOctets * (static_cast<std::uint64_t>((now - before) / peer.persistent_keepalive) + 1);
  if (peer.sent_octets - sent_before > unanswered)
    quiet_looks_ = 0;
  else if (++quiet_looks_ >= kQuiet)
    since_ = now;
  if (now - since_ < kPatience) return false;
  since_ = now;
  return true;
}

}  // namespace culvert::daemon
