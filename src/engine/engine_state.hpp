// SPDX-License-Identifier: MIT
// What is behind `Engine`. engine.cpp applies configuration, engine_sockets.cpp opens and replaces sockets,
// engine_turns.cpp is the control thread's work between two waits, engine_floods.cpp what it does against floods.
#pragma once

#include <sys/timerfd.h>

#include <algorithm>

#include "clock.hpp"
#include "diagnosis.hpp"
#include "engine.hpp"
#include "handshake_queue.hpp"
#include "handshake_workers.hpp"
#include "heavy_senders.hpp"
#include "lane.hpp"
#include "status.hpp"
#include "system_entropy.hpp"
#include "udp_system_socket.hpp"
#include "watch.hpp"

namespace culvert::engine {

inline constexpr std::size_t kControlSlots = 32;  // datagrams a receive

/// A timer on CLOCK_BOOTTIME: asio's own stop while the machine sleeps.
class BootTimer {
 public:
  BootTimer() : fd_(::timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC)) {}
  void set(std::optional<Instant> at) noexcept {
    itimerspec spec{};
    if (at) {
      const auto ns = std::max<std::int64_t>(1, at->time_since_epoch().count());
      spec.it_value = {.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
    }
    ::timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
  }
  void clear() noexcept {
    std::uint64_t expirations = 0;
    [[maybe_unused]] const auto n = ::read(fd_.get(), &expirations, sizeof expirations);
  }
  [[nodiscard]] int descriptor() const noexcept { return fd_.get(); }

 private:
  io::UniqueFd fd_;
};

/// Control's own socket of one family.
struct ControlSocket {
  Family family = Family::v4;
  std::unique_ptr<io::UdpSocket> socket;
  std::unique_ptr<HeavySenders> senders;
  std::optional<Instant> thin_again;  // setting the filter failed, so that any may be there: then it is taken away
  std::unique_ptr<Watch> watch;
};

/// What control counts of packets, beside drops: see packet_counts.hpp.
struct ControlPackets {
  std::uint64_t taken_over = 0;              // handshake messages that lanes handed over
  std::uint64_t handshakes = 0;              // messages that did what they came for
  std::uint64_t own_made = 0, own_sent = 0;  // handshake messages
};

struct Engine::State {
  State(asio::io_context& context_, io::Tun tun, EngineOptions options_, OutsideDoor door_, EngineHandlers handlers_);

  asio::io_context& context;
  EngineOptions options;
  OutsideDoor door;
  EngineHandlers handlers;

  SystemEntropy entropy;
  Device device;
  Wakeup wakeup;  // by lanes and workers
  BootTimer timer;
  std::optional<Instant> timer_set;
  HandshakeQueue queue;
  HandshakeWorkers workers{HandshakeWorkers::usual_count(), wakeup};
  io::ReceiveSlab slab{kControlSlots};
  DropCounters drops;
  ControlPackets packets;
  Diagnosis diagnosis;
  std::size_t refusals_told = 0;  // events of messages that the door refused, in one drain
  Instant next_error{};           // when an ICMP message may be looked at again

  Link link = Link::down;
  std::uint16_t wanted_port = 0;  // 0: any
  std::uint16_t port = 0;         // in use, or last in use
  std::uint32_t fwmark = 0;
  std::size_t most_peers = params::kMaxPeers;
  std::uint32_t handshakes_per_second = params::kTokensPerSecond;  // of one address, under load
  ControlSocket v4, v6;
  bool flood_told = false;
  io::TunOffload inside_offload = io::TunOffload::none;
  io::UdpOffloads outside_offloads;

  std::vector<std::unique_ptr<Lane>> lanes;
  /// Of all sockets that one thread has had, by family. They count on while the thread still has the one before.
  struct SocketCounters {
    std::shared_ptr<io::UdpCounters> v4 = std::make_shared<io::UdpCounters>();
    std::shared_ptr<io::UdpCounters> v6 = std::make_shared<io::UdpCounters>();
    [[nodiscard]] const std::shared_ptr<io::UdpCounters>& of(Family family) const noexcept {
      return family == Family::v4 ? v4 : v6;
    }
    [[nodiscard]] OutsideNumbers numbers() const noexcept {
      OutsideNumbers sum;
      sum.add(*v4);
      sum.add(*v6);
      return sum;
    }
  };
  std::vector<SocketCounters> lane_sockets;  // one a lane
  SocketCounters control_sockets;
  std::optional<Capture> capture;
  std::unique_ptr<Watch> wakeup_watch, timer_watch;
  bool turn_posted = false;
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);

  // sockets
  [[nodiscard]] std::unique_ptr<HeavySenders> watch_senders(Instant now, Family family);
  Result<void, io::SystemError> open_sockets(std::uint16_t wanted, std::uint32_t mark);
  void adopt(io::Outside outside);
  void adopt_control(io::UdpGroup& group);
  void close_sockets();
  void replace_lane_sockets(io::Outside* outside);

  // turns
  void drain(ControlSocket& control);
  void screen(Now now, Bytes datagram, const io::InTrain& train, Actions& actions);
  void enqueue(Now now, const report::Handshake& message, Actions& actions);
  void begin(Actions& actions);
  void commit(Now now, Actions& actions);
  void take_lane_reports();
  void turn();
  void post_turn();
  void deliver(Now now, Actions actions);
  void send(Now now, std::span<const Outgoing> outgoing);
  void lose(Now now, Drop reason, const Outgoing& outgoing);
  void tell(Now now, Event event);
  void tell(const std::optional<Event>& event);
  void note_report(Now now, const Report& report);
  void rearm();

  // floods
  void thin_floods(Instant now);
  void thin_flood(Instant now, ControlSocket& control);
  void spare_peers(ControlSocket& control);
  void tell_flood();
  [[nodiscard]] std::size_t thinned_senders() const noexcept;

  // capture
  void tell_taps();
  [[nodiscard]] bool tells_secrets_of(const Peer& peer) const;
  void tell_secrets(const Outgoing& outgoing);
  void tell_secrets(const HandshakeJob& job);

  // configuration
  void set_limits(const LimitsChange& limits, Actions& actions);
  void change_peer(Now now, PeerChange& change, Actions& actions);
  [[nodiscard]] PacketNumbers packet_numbers() const;
  [[nodiscard]] bool exceeds_peers(const SetRequest& request) const;
};

}  // namespace culvert::engine
