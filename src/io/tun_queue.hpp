// SPDX-License-Identifier: MIT
// The seam to the inside: one TUN queue, carrying super-packets. Lanes know this header alone; `tun_system_queue.hpp`
// is the queue that Linux provides, `tun.hpp` opens the device with all its queues.
#pragma once

#include <sys/uio.h>

#include <atomic>

#include <culvert/bytes.hpp>
#include <culvert/result.hpp>

#include "vnet.hpp"

namespace culvert::io {

/// A packet, or with GSO many of one flow behind one header. borrowed: `packet` lies in the buffer given to `read`.
struct SuperPacket {
  VnetHeader header;
  MutBytes packet;
};

/// Why a read or a write did nothing.
enum class TunStop : std::uint8_t {
  empty,    // read: nothing waits
  full,     // write: no memory or no room at this moment; the packet is lost
  refused,  // write: the kernel does not take this packet or this header (EINVAL)
  down,     // the interface is down; it may come up again
  gone,     // the interface was deleted: nothing will ever come again
  failed,   // anything else, which passes: go on as after `empty`
};

struct TunFault {
  TunStop stop = TunStop::failed;
  int error = 0;  // errno
};

/// Counters that any thread may read; written by the queue's own thread.
struct TunCounters {
  std::atomic<std::uint64_t> read_super_packets{0}, read_octets{0};
  std::atomic<std::uint64_t> read_errors{0};  // all but `empty`
  std::atomic<std::uint64_t> written_super_packets{0}, written_packets{0}, written_octets{0};
  std::atomic<std::uint64_t> write_errors{0};
};

inline constexpr std::size_t kMaxGatherParts = 65;  // a header and 64 payloads

/// One queue, used by one thread. Nothing here allocates, blocks or throws.
class TunQueue {
 public:
  TunQueue() = default;
  TunQueue(const TunQueue&) = delete;
  TunQueue& operator=(const TunQueue&) = delete;
  virtual ~TunQueue() = default;

  /// Takes one super-packet into `buffer`, which should have room for `kSuperPacketOctets`.
  /// A queue without vnet headers gives an all-zero header.
  [[nodiscard]] virtual Result<SuperPacket, TunFault> read(MutBytes buffer) noexcept = 0;

  /// Writes the parts as one packet. A queue without vnet headers refuses every header but an all-zero one.
  /// \param parts  at most `kMaxGatherParts`; only read from.
  [[nodiscard]] virtual Result<void, TunFault> write(const VnetHeader& header,
                                                     std::span<const iovec> parts) noexcept = 0;

  /// For readiness (epoll, asio); -1 when there is none. borrowed: until the queue dies.
  [[nodiscard]] virtual int descriptor() const noexcept = 0;

  [[nodiscard]] const TunCounters& counters() const noexcept { return counters_; }

 protected:
  TunCounters counters_;
};

}  // namespace culvert::io
