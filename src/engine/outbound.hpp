// SPDX-License-Identifier: MIT
// From inside to outside, one batch at a time:
//
//   read a super-packet -> plan its packets -> route it once -> write each packet to its slot (the only copy)
//   -> close the train: reserve counters, write headers, seal in one call -> flush: send all trains
//
// A packet joins the open train iff
//   [0] it is for the same peer
//   [1] the train holds fewer than 64 packets
//   [2] the train stays within one datagram's 65,507 octets
//   [3] its slot is not longer than the slots before it; a shorter one closes the train
//   [4] it carries the same ECN bits
// Same session, endpoint and source address follow from [0]: they change between batches only.
// No batch waits for more: what one round of reads brought is sent at the end of the round.
// The order of a peer's packets never changes: trains are closed and sent in the order of their packets, and what was
// staged while there was no session goes before anything that comes later.
//
// A round ends with a read that finds nothing, which is a wasted system call when packets come one by one. So after
// some rounds that found one packet each, a round reads once, and the descriptor, watched by level, tells if more
// waits. Every eighth round looks again.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <vector>

#include "lane_state.hpp"
#include "segment.hpp"
#include "tun_queue.hpp"

namespace culvert::engine {

enum class Progress : std::uint8_t { idle, more, gone };

class Outbound {
 public:
  Outbound(LaneState& state, io::TunQueue& tun);

  /// One round: reads what waits, up to a bound, and sends it.
  [[nodiscard]] Progress run();

  /// Seals and sends an empty packet, or asks for a session.
  void send_keepalive(DataPath::Peer& peer);
  /// Sends what was staged for the peer. \returns how many packets that were.
  std::size_t send_staged(DataPath::Peer& peer);

 private:
  static constexpr std::size_t kTrains = 32;  // a family, a flush
  static constexpr std::size_t kSlabOctets = std::size_t{3} * 65536;

  using Packets = std::deque<std::vector<std::uint8_t>>;
  struct OpenTrain {
    DataPath::Peer* peer = nullptr;  // nullptr: no train is open
    std::size_t start = 0;           // in the slab
    std::size_t octets = 0;
    std::size_t stride = 0;
    std::size_t count = 0;
    wire::Ecn ecn = wire::Ecn::not_ect;
  };
  struct Departures {  // of one family
    std::array<io::OutTrain, kTrains> trains;
    std::array<DataPath::Peer*, kTrains> peers{};
    std::size_t count = 0;
  };

  void take(const io::VnetHeader& header, Bytes packet);
  void refuse(Drop why, std::size_t count, Bytes packet);
  void add(DataPath::Peer& peer, const io::SegmentPlan& plan, std::size_t index, wire::Ecn ecn);
  [[nodiscard]] bool joins(const DataPath::Peer& peer, std::size_t slot, wire::Ecn ecn) const noexcept;
  void open_train(DataPath::Peer& peer, std::size_t slot, wire::Ecn ecn);
  void close_train();
  /// The packets of the open train, without padding.
  template <class Visit>
  void for_each_packet(Visit visit) const;
  void send_behind_staged();
  void send_each(DataPath::Peer& peer, const Packets& packets);
  void show() const;
  void depart(MutBytes train);
  void flush();
  void send(Departures& departures, io::UdpSocket* socket);

  LaneState& state_;
  io::TunQueue& tun_;
  unsigned lone_rounds_ = 0;  // in a row that found one packet
  Instant icmp_full_at_{};    // the bucket of ICMP messages, as the instant at which it will be full
  std::unique_ptr<std::uint8_t[]> super_;
  std::unique_ptr<std::uint8_t[]> slab_;
  std::size_t used_ = 0;  // octets of the slab that wait to be sent
  OpenTrain open_;
  Departures v4_, v6_;
};

}  // namespace culvert::engine
