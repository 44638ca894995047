// SPDX-License-Identifier: MIT
#include "status.hpp"

namespace culvert::engine {
namespace {

std::uint64_t value(const std::atomic<std::uint64_t>& counter) noexcept {
  return counter.load(std::memory_order_relaxed);
}

}  // namespace

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
  for (std::size_t i = 0; i < kDropCount; ++i) report.drops[i] = peer.traffic->drops.of(static_cast<Drop>(i));
  return report;
}

DropNumbers numbers_of(const DropCounters& drops) noexcept {
  DropNumbers numbers{};
  for (std::size_t i = 0; i < kDropCount; ++i) numbers[i] = drops.of(static_cast<Drop>(i));
  return numbers;
}

}  // namespace culvert::engine
