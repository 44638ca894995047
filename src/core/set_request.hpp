// SPDX-License-Identifier: MIT
// What a device can be told, as one value: the UAPI and the configuration both end here. A request is applied whole
// or not at all, and in the order of its fields.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <culvert/address.hpp>
#include <culvert/keys.hpp>

namespace culvert {

/// Why a peer that is known is let in no more: by the configuration, not by the protocol.
enum class Blocked : std::uint8_t { no, disabled, expired };

/// What passed between a peer and us before this process began, as somebody remembers it. Octets as the outside carries
/// them.
struct PastTraffic {
  std::uint64_t received = 0, sent = 0;
  std::int64_t since = 0;  // Unix seconds

  friend bool operator==(const PastTraffic&, const PastTraffic&) = default;
};

struct AllowedIpChange {
  enum class Action : std::uint8_t { add, remove };

  Prefix prefix;  // host bits are zero
  Action action = Action::add;

  friend auto operator<=>(const AllowedIpChange&, const AllowedIpChange&) = default;
};

/// What is asked of one peer. What is not said stays as it is; a peer that does not exist is made.
/// A peer whose key is the device's own (after this request's `private_key`) is ignored without an error.
struct PeerChange {
  PublicKey public_key;
  bool remove = false;                        // nothing else in this change counts then
  bool update_only = false;                   // ignored as a whole when there is no such peer
  std::optional<PresharedKey> preshared_key;  // all zero: none
  std::optional<Endpoint> endpoint;
  std::optional<std::chrono::seconds>
      persistent_keepalive;                  // 0 to 65535; 0: off. From off to on: one keepalive at once
  std::optional<std::string> name;           // for people; the protocol knows peers by their keys
  std::optional<PastTraffic> past;           // for people, too
  std::optional<Blocked> blocked;            // from `no` to another: its sessions end, and it gets no new ones
  bool replace_allowed_ips = false;          // the peer's list is emptied first
  std::vector<AllowedIpChange> allowed_ips;  // in order; an added prefix leaves its owner for this peer
};

/// Bounds that the device keeps. What is not said stays as it is; 0: as usual.
struct LimitsChange {
  std::optional<std::uint32_t> peers;                  // more are refused; those that are there stay
  std::optional<std::uint32_t> handshakes_per_second;  // under load, of one address that proved to be the sender's
  std::optional<std::uint32_t> staged_packets;         // of one peer without a session, in each lane
};

struct SetRequest {
  std::optional<PrivateKey> private_key;     // all zero: no identity. A peer with the same key goes
  std::optional<std::uint16_t> listen_port;  // 0: any free port
  std::optional<std::uint32_t> fwmark;       // 0: off
  LimitsChange limits;
  bool network_changed = false;   // see `Device::network_changed`
  bool replace_peers = false;     // all existing peers go first, with their sessions
  std::vector<PeerChange> peers;  // no public key twice; those who are removed make room for those who come
};

// A vector that grows must move keys, since a copy would stay behind.
static_assert(std::is_nothrow_move_constructible_v<PeerChange> && !std::is_copy_constructible_v<PeerChange>);
static_assert(!std::is_copy_constructible_v<SetRequest>);

}  // namespace culvert
