// SPDX-License-Identifier: MIT
// What the engine has counted, as plain numbers at one instant: for the status, for metrics, and for tests that add up
// what went in and what came out.
#pragma once

#include <array>
#include <string>
#include <vector>

#include <culvert/drop.hpp>

#include "coalesce.hpp"
#include "data_path.hpp"
#include "device.hpp"
#include "diagnosis.hpp"
#include "tun.hpp"
#include "udp_open.hpp"
#include "udp_socket.hpp"

namespace culvert::engine {

/// Of a TUN queue.
struct InsideNumbers {
  std::uint64_t read_super_packets = 0, read_octets = 0, read_errors = 0;
  std::uint64_t written_super_packets = 0, written_packets = 0, written_octets = 0, write_errors = 0;
  std::uint64_t joined_packets = 0, coalescing_fallbacks = 0, coalescing_evictions = 0;
};

/// Of UDP sockets, those that have been closed since included.
struct OutsideNumbers {
  std::uint64_t sent_datagrams = 0, sent_calls = 0, failed_datagrams = 0;
  std::uint64_t received_datagrams = 0, received_calls = 0, receive_errors = 0;
  std::uint64_t gso_fallbacks = 0, send_waits = 0, kernel_drops = 0;

  void add(const io::UdpCounters& counters) noexcept;
};

using DropNumbers = std::array<std::uint64_t, kDropCount>;

/// The books of packets (packet_counts.hpp), of all lanes and control. Of packets that move while they are read, some
/// may be in no term yet; when nothing moves, each way adds up exactly:
///
///   out.read      == out.sent + drops + out.waiting
///   in.received   == in.delivered + in.handshakes + in.keepalives + drops + in.waiting
///   own.keepalives + own.handshakes == own.sent + drops
struct PacketNumbers {
  struct Out {
    std::uint64_t read = 0;     // inner packets from the host
    std::uint64_t sent = 0;     // data messages that the system took
    std::uint64_t waiting = 0;  // for a session
    DropNumbers drops{};
  } out;
  struct In {
    std::uint64_t received = 0;    // datagrams of any kind
    std::uint64_t delivered = 0;   // inner packets that the host took
    std::uint64_t handshakes = 0;  // messages that did what they came for
    std::uint64_t keepalives = 0;
    std::uint64_t waiting = 0;  // handshake messages that are queued or computed
    DropNumbers drops{};
  } in;
  struct Own {
    std::uint64_t keepalives = 0, handshakes = 0;  // messages made
    std::uint64_t sent = 0;
    std::uint64_t injected = 0;  // packets that we made for the host: ICMP messages, and probes of its offloads
    DropNumbers drops{};
  } own;
};

[[nodiscard]] std::uint64_t total(const DropNumbers& drops) noexcept;

struct LaneStatus {
  InsideNumbers inside;
  OutsideNumbers outside;
  DropNumbers drops{};
};

/// How one peer fares. Ages are counted from the instant of the status.
struct PeerReport {
  PublicKey key;
  PeerState state = PeerState::never_connected;
  std::optional<ProblemRecord> cause;  // of the state
  std::optional<ProblemRecord> last;   // problem of any kind, however long ago
  std::optional<Duration> last_age;
  std::optional<Duration> silent_for, session_age, last_heard, round_trip;
  EndpointOrigin origin = EndpointOrigin::configured;
  Arrivals arrivals;
  std::optional<Duration> lately;  // age of the oldest session in `arrivals`
  std::uint32_t tries = 0;         // initiations that nobody has answered yet
  std::uint64_t initiations_sent = 0, responses_received = 0;
  DropNumbers drops{};  // of lanes, in either direction
};

struct EngineStatus {
  std::string aead;                     // the backend's name
  std::optional<PublicKey> public_key;  // ours; none: no private key is set
  io::TunOffload inside_offload = io::TunOffload::none;
  io::UdpOffloads outside_offloads;  // of the sockets opened last
  Link link = Link::down;
  std::size_t queued_handshakes = 0;
  Load load = Load::normal;
  std::size_t thinned_senders = 0;  // see heavy_senders.hpp
  PacketNumbers packets;
  OutsideNumbers control_outside;
  DropNumbers control_drops{};
  std::vector<LaneStatus> lanes;
  std::vector<PeerReport> peers;
  std::vector<StrangeNetwork> strange_networks;  // latest first
  std::vector<StrangeKey> strange_keys;
  std::vector<LastDrop> last_drops;
  HandshakeTimes handshake_times;
};

[[nodiscard]] PeerReport report_on(const Peer& peer, const PeerNotes* notes, Link link, Instant now);

[[nodiscard]] InsideNumbers numbers_of(const io::TunCounters& tun, const io::CoalesceCounters& coalescing) noexcept;
[[nodiscard]] DropNumbers numbers_of(const DropCounters& drops) noexcept;
void add_drops(PacketNumbers& sums, const DropCounters& drops) noexcept;
/// A lane's part, but for what its sockets count.
void add_lane(PacketNumbers& sums, const PacketCounters& packets, const DropCounters& drops) noexcept;

}  // namespace culvert::engine
