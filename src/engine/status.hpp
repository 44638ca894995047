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
  std::uint32_t tries = 0;  // initiations that nobody has answered yet
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

}  // namespace culvert::engine
