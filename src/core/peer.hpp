// SPDX-License-Identifier: MIT
// One peer as the control thread knows it. Only device*.cpp touch it.
#pragma once

#include <memory>
#include <string>

#include "cookie.hpp"
#include "handshake.hpp"
#include "session.hpp"
#include "set_request.hpp"
#include "timers.hpp"
#include "timestamp.hpp"
#include "traffic.hpp"

namespace culvert {

struct Peer {
  PeerId id;
  PublicKey public_key;
  PresharedKey preshared_key;
  std::string name;
  Blocked blocked = Blocked::no;
  // DH of the static keys; none while we have no identity or theirs is of low order, and then no handshake is possible.
  std::optional<Secret<32>> static_shared;

  std::optional<Endpoint> endpoint;
  std::optional<Source> source;
  std::chrono::seconds persistent_interval{0};

  Stamp greatest_stamp_received{};
  Stamp last_stamp_sent{};
  std::optional<Instant> last_initiation_accepted;
  CookieHolder cookie;

  std::unique_ptr<PendingInitiation> pending;
  std::optional<Instant> last_initiation_sent;
  std::optional<Instant> last_response_sent;
  Duration jitter{};
  int retries = 0;
  bool initiation_wanted = false;

  Sessions sessions;
  std::optional<Instant> keys_born;
  std::optional<Instant> last_persistent;
  std::optional<UnixTime> last_handshake;

  std::shared_ptr<PeerTraffic> traffic;
  std::uint64_t handshake_octets_sent = 0;
  std::uint64_t handshake_octets_received = 0;

  std::optional<Instant> deadline;  // as it stands in the device's order of deadlines

  [[nodiscard]] std::uint64_t octets_sent() const noexcept { return handshake_octets_sent + traffic->octets_sent(); }
  [[nodiscard]] std::uint64_t octets_received() const noexcept {
    return handshake_octets_received + traffic->octets_received();
  }

  [[nodiscard]] PeerInstants instants() const noexcept {
    return {.unheard_since = traffic->unheard_since.load(),
            .unanswered_since = traffic->unanswered_since.load(),
            .last_passage = traffic->last_passage.load(),
            .last_initiation_sent = last_initiation_sent,
            .last_response_sent = last_response_sent,
            .keys_born = keys_born,
            .last_persistent = last_persistent,
            .jitter = jitter,
            .persistent_interval = persistent_interval,
            .retries = retries,
            .awaiting_response = pending != nullptr,
            .initiation_wanted = initiation_wanted};
  }
};

}  // namespace culvert
