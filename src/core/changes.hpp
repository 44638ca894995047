// SPDX-License-Identifier: MIT
// What control and lanes tell each other: values that cross threads through mailboxes.
// A `Change` goes from control to lanes and is applied between two batches; a `Report` goes the other way.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include <culvert/address.hpp>

#include "messages.hpp"
#include "peer_id.hpp"
#include "problem.hpp"
#include "session.hpp"
#include "traffic.hpp"

namespace culvert {

namespace change {
struct PeerAdded {
  PeerId peer;
  std::shared_ptr<PeerTraffic> traffic;
};
/// With the peer go its sessions, staged packets and allowed IPs.
struct PeerRemoved {
  PeerId peer;
};
struct AllowedIpAdded {
  Prefix prefix;
  PeerId peer;
};
struct AllowedIpRemoved {
  Prefix prefix;
  PeerId peer;
};
/// Where control last heard of the peer, or was told that it is.
struct EndpointMoved {
  PeerId peer;
  std::optional<Endpoint> endpoint;
  std::optional<Source> source;
  /// An order stands against whatever packets a lane has seen before it.
  enum class By : std::uint8_t { packets, order } by = By::packets;
};
/// All three sessions as they are now.
struct SessionsReplaced {
  PeerId peer;
  Sessions sessions;
  /// `confirm` asks the lane that sends staged packets for one keepalive when nothing is staged [W 5.4.6].
  enum class Then : std::uint8_t { nothing, flush, confirm } then = Then::nothing;
};
struct KeepaliveWanted {
  PeerId peer;
};
struct StagedDropped {
  PeerId peer;
  Drop why = Drop::handshake_gave_up;
};
/// There can be no session with the peer: packets for it are dropped for this reason, those that wait among them.
/// nullopt: nothing is in the way any more.
struct PeerBarred {
  PeerId peer;
  std::optional<Drop> why;
};
/// Padding never goes beyond the MTU of the inside.
struct MtuSet {
  std::size_t mtu;
};
/// The port that our datagrams leave from: by it a lane knows them when a route leads them back inside.
struct PortSet {
  std::uint16_t port;
};
/// How many packets of one peer may wait for a session, 1 at least.
struct StagedLimitSet {
  std::size_t packets;
};
}  // namespace change

using Change =
    std::variant<change::PeerAdded, change::PeerRemoved, change::AllowedIpAdded, change::AllowedIpRemoved,
                 change::EndpointMoved, change::SessionsReplaced, change::KeepaliveWanted, change::StagedDropped,
                 change::PeerBarred, change::MtuSet, change::PortSet, change::StagedLimitSet>;

namespace report {
/// A handshake message that a lane's socket received.
struct Handshake {
  Octets<wire::kLargestHandshake> octets{};
  std::size_t size = 0;
  Endpoint from;
  std::optional<Source> local;
};
/// There is no session to seal with, or it is time for a new one.
struct SessionWanted {
  PeerId peer;
};
/// The first packet under `next` authenticated.
struct Confirmed {
  PeerId peer;
  std::uint32_t local_index;
};
/// Authentic packets come from elsewhere. The reporting lane has moved already; it tells of each peer a few times a
/// second at most, where it is then.
struct Roamed {
  PeerId peer;
  Endpoint endpoint;
  std::optional<Source> source;
};
/// The peer's instants need a deadline (`PeerTraffic::watched`).
struct Active {
  PeerId peer;
};
/// The kernel refused the sticky source: it is no longer ours.
struct SourceRejected {
  PeerId peer;
};
/// Packets were dropped; a lane tells of each reason a few times a second at most.
struct Dropped {
  Drop drop;
  std::optional<PeerId> peer;        // none: no peer is known
  std::optional<IpAddress> address;  // the inner destination on the way out, the inner source on the way in
};
/// An ICMP message said that a datagram of ours did not arrive.
struct Unreachable {
  Endpoint to;
  IpAddress told_by;
  Problem problem;
};
}  // namespace report

using Report = std::variant<report::Handshake, report::SessionWanted, report::Confirmed, report::Roamed, report::Active,
                            report::SourceRejected, report::Dropped, report::Unreachable>;

}  // namespace culvert
