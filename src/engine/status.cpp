// SPDX-License-Identifier: MIT
#include "status.hpp"

#include <numeric>

namespace culvert::engine {
namespace {

std::uint64_t value(const std::atomic<std::uint64_t>& counter) noexcept {
  return counter.load(std::memory_order_relaxed);
}

void add(DropNumbers& sums, const DropCounters& drops, Way way) noexcept {
  for (std::size_t i = 0; i < kDropCount; ++i) sums[i] += drops.of(way, static_cast<Drop>(i));
}

}  // namespace

std::uint64_t total(const DropNumbers& drops) noexcept {
  return std::accumulate(drops.begin(), drops.end(), std::uint64_t{0});
}

void add_drops(PacketNumbers& sums, const DropCounters& drops) noexcept {
  add(sums.out.drops, drops, Way::out);
  add(sums.in.drops, drops, Way::in);
  add(sums.own.drops, drops, Way::own);
}

void add_lane(PacketNumbers& sums, const PacketCounters& packets, const DropCounters& drops) noexcept {
  sums.out.read += value(packets.read);
  sums.out.sent += value(packets.sent);
  sums.out.waiting += value(packets.waiting);
  sums.in.delivered += value(packets.delivered);
  sums.in.keepalives += value(packets.keepalives);
  sums.in.waiting += value(packets.handed_over);
  sums.own.keepalives += value(packets.own_made);
  sums.own.sent += value(packets.own_sent);
  sums.own.injected += value(packets.injected);
  add_drops(sums, drops);
}

void OutsideNumbers::add(const io::UdpCounters& c) noexcept {
  sent_datagrams += value(c.sent_datagrams);
  sent_calls += value(c.sent_calls);
  failed_datagrams += value(c.failed_datagrams);
  received_datagrams += value(c.received_datagrams);
  received_calls += value(c.received_calls);
  receive_errors += value(c.receive_errors);
  gso_fallbacks += value(c.gso_fallbacks);
  send_waits += value(c.send_waits);
  kernel_drops += value(c.kernel_drops);
}

InsideNumbers numbers_of(const io::TunCounters& tun, const io::CoalesceCounters& coalescing) noexcept {
  return {.read_super_packets = value(tun.read_super_packets),
          .read_octets = value(tun.read_octets),
          .read_errors = value(tun.read_errors),
          .written_super_packets = value(tun.written_super_packets),
          .written_packets = value(tun.written_packets),
          .written_octets = value(tun.written_octets),
          .write_errors = value(tun.write_errors),
          .joined_packets = value(coalescing.joined_packets),
          .coalescing_fallbacks = value(coalescing.fallbacks),
          .coalescing_evictions = value(coalescing.evictions)};
}

PeerReport report_on(const Peer& peer, const PeerNotes* notes, Link link, Instant now) {
  const PeerVerdict verdict = judge(peer, notes, link, now);
  PeerReport report;
  report.key = peer.public_key;
  report.state = verdict.state;
  report.silent_for = verdict.silent_for;
  report.tries = verdict.tries;
  if (verdict.cause != nullptr) report.cause = *verdict.cause;
  if (notes != nullptr) {
    if (const ProblemRecord* last = notes->problems.latest()) {
      report.last = *last;
      report.last_age = now - last->last;
    }
    report.round_trip = notes->round_trip;
    report.origin = notes->origin;
    report.initiations_sent = notes->initiations_sent;
    report.responses_received = notes->responses_received;
  }
  if (peer.sessions.current && !is_expired(*peer.sessions.current, now))
    report.session_age = now - peer.sessions.current->born;
  if (const auto heard = peer.traffic->last_heard.load()) report.last_heard = now - *heard;
  report.arrivals = peer.arrivals();
  if (report.arrivals.lately_since) report.lately = now - *report.arrivals.lately_since;
  for (std::size_t i = 0; i < kDropCount; ++i) report.drops[i] = peer.traffic->drops.of(static_cast<Drop>(i));
  return report;
}

DropNumbers numbers_of(const DropCounters& drops) noexcept {
  DropNumbers numbers{};
  for (std::size_t i = 0; i < kDropCount; ++i) numbers[i] = drops.of(static_cast<Drop>(i));
  return numbers;
}

}  // namespace culvert::engine
