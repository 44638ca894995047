// SPDX-License-Identifier: MIT
// The seam to the outside: one UDP socket of one family, carrying batches of trains. Lanes and the control thread know
// this header and `udp_slab.hpp` alone; `udp_system_socket.hpp` is the socket that Linux provides, `udp_open.hpp`
// opens the groups of sockets that share a port.
#pragma once

#include <atomic>
#include <optional>

#include <culvert/address.hpp>
#include <culvert/drop.hpp>

#include "ip.hpp"

namespace culvert::io {

class ReceiveSlab;

inline constexpr std::size_t kMaxTrainPackets = 64;       // the kernel's limit where it is lowest
inline constexpr std::size_t kMaxDatagramOctets = 65507;  // one send of any kind, IPv4

/// Datagrams to one destination that lie `stride` octets apart; the last may be shorter. Borrows `octets` during the
/// send. A train beyond the kernel's limits goes out with several calls.
struct OutTrain {
  Endpoint to;
  std::optional<Source> from;  // sticky source; nullopt: the kernel chooses
  std::uint8_t tos = 0;        // the whole octet: DSCP and ECN
  Bytes octets;
  std::size_t stride = 0;
};

/// What one receive brought: one datagram, or with UDP_GRO several of one sender, `stride` octets apart, the last may
/// be shorter. 1 <= stride, and stride <= octets.size() but for an empty datagram. borrowed: `octets` until the next
/// receive into the same slab.
struct InTrain {
  MutBytes octets;
  std::size_t stride = 1;
  Endpoint from;
  std::optional<Source> local;  // where it reached us: the sticky source of answers
  wire::Ecn ecn = wire::Ecn::not_ect;
  bool truncated = false;  // the last datagram lost its end
};

[[nodiscard]] constexpr std::size_t datagram_count(std::size_t octets, std::size_t stride) noexcept {
  return octets <= stride || stride == 0 ? 1 : (octets - 1) / stride + 1;
}

/// Calls `visit(MutBytes datagram)` for each datagram in order of arrival; an empty datagram counts as one.
template <class Visit>
void for_each_datagram(const InTrain& train, Visit visit) {
  MutBytes rest = train.octets;
  do {
    const MutBytes datagram = rest.first(train.stride < rest.size() ? train.stride : rest.size());
    rest = rest.subspan(datagram.size());
    visit(datagram);
  } while (!rest.empty());
}

/// How one train's send went. Datagrams that were not sent are lost, never retried under another counter.
struct SendOutcome {
  std::size_t sent = 0;          // datagrams
  std::size_t failed = 0;        // datagrams
  int error = 0;                 // errno of the last failed datagram, or 0
  bool source_rejected = false;  // forget the sticky source; the train was tried again without it
  int gso_disabled_by = 0;       // errno that made this train switch UDP_SEGMENT off for the socket (to log once), or 0
};

/// The name under which a datagram counts that `SendOutcome::error` kept from leaving.
[[nodiscard]] Drop send_drop(int error) noexcept;

enum class ReceiveStatus : std::uint8_t {
  received,  // `trains` is not empty; when it fills the slab, more may wait
  empty,     // nothing waits
  failed,    // `error`, which passes: go on as after `empty`
  dead,      // `error` is EBADF or ENOTSOCK: there is no socket any more
};

struct ReceiveOutcome {
  ReceiveStatus status = ReceiveStatus::empty;
  std::span<InTrain> trains;  // borrowed: until the next receive into the same slab
  int error = 0;
};

/// Counters that any thread may read; written by the socket's own thread.
struct UdpCounters {
  std::atomic<std::uint64_t> sent_datagrams{0}, sent_calls{0}, failed_datagrams{0};
  std::atomic<std::uint64_t> received_datagrams{0}, received_calls{0}, receive_errors{0};
  std::atomic<std::uint64_t> gso_fallbacks{0};  // sends that the kernel refused with UDP_SEGMENT and took without
  std::atomic<std::uint64_t> send_waits{0};     // times the socket's buffer was full
  std::atomic<std::uint64_t> kernel_drops{0};   // found the receive buffer full, or held back by a filter (SO_RXQ_OVFL)
};

/// One socket of one family, used by one thread. Nothing here allocates, blocks for more than a millisecond, or throws.
class UdpSocket {
 public:
  UdpSocket() = default;
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;
  virtual ~UdpSocket() = default;

  /// Takes what waits, at most one train for each of the slab's slots.
  [[nodiscard]] virtual ReceiveOutcome receive(ReceiveSlab& slab) noexcept = 0;

  /// Sends all trains in order. \param outcomes  as many as `trains`, written by this call.
  virtual void send(std::span<const OutTrain> trains, std::span<SendOutcome> outcomes) noexcept = 0;

  /// Routes or MTUs changed: destinations that refused segmentation are tried with it again.
  virtual void forget_destinations() noexcept = 0;

  /// For readiness (epoll, asio); -1 when there is none. borrowed: until the socket dies.
  [[nodiscard]] virtual int descriptor() const noexcept = 0;
  [[nodiscard]] virtual const UdpCounters& counters() const noexcept = 0;
};

}  // namespace culvert::io
