// SPDX-License-Identifier: MIT
// One UDP socket of one family. Trains go out with one system call each (UDP_SEGMENT) and come in with one for many
// (recvmmsg, UDP_GRO); each offload falls back to its plain path by itself.
#pragma once

#include <atomic>
#include <optional>

#include <culvert/address.hpp>
#include <culvert/result.hpp>

#include "ip.hpp"
#include "system_error.hpp"
#include "unique_fd.hpp"

namespace culvert::io {

inline constexpr std::size_t kMaxTrainPackets = 64;      // the kernel's limit where it is lowest
inline constexpr std::size_t kMaxDatagramOctets = 65507;  // one UDP_SEGMENT send, IPv4

/// Datagrams to one destination that lie `stride` octets apart; the last may be shorter. Borrows `octets`.
struct OutTrain {
  Endpoint to;
  std::optional<Source> from;  // sticky source; nullopt: the kernel chooses
  std::uint8_t tos = 0;        // the whole octet: DSCP and ECN
  Bytes octets;
  std::size_t stride = 0;
};

/// What one receive brought: one datagram, or with UDP_GRO several of one sender, `stride` octets apart.
/// borrowed: `octets` until the next receive into the same slot.
struct InTrain {
  MutBytes octets;
  std::size_t stride = 0;
  Endpoint from;
  std::optional<Source> local;
  wire::Ecn ecn = wire::Ecn::not_ect;
  bool truncated = false;
};

/// How a send went. Packets that were not sent are lost, never retried under another counter.
struct SendOutcome {
  std::size_t sent = 0;    // datagrams
  std::size_t failed = 0;  // datagrams
  int error = 0;           // errno of the last failure, or 0
  bool source_rejected = false;  // the sticky source is no longer ours: forget it. The train went out without it.
};

/// Counters that any thread may read; written by the socket's own thread.
struct UdpCounters {
  std::atomic<std::uint64_t> sent_datagrams{0}, sent_calls{0}, received_datagrams{0}, received_calls{0};
  std::atomic<std::uint64_t> gso_fallbacks{0};     // trains resent unsegmented
  std::atomic<std::uint64_t> kernel_drops{0};      // SO_RXQ_OVFL
};

}  // namespace culvert::io
