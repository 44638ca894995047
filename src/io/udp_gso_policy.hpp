// SPDX-License-Identifier: MIT
// When to send a train as one with UDP_SEGMENT, and what to learn when the kernel refuses. A value without system
// calls.
//
//   refusal               what it means                                  what follows
//   EIO, EOPNOTSUPP       no checksum offload on the way out, or         off for the socket
//                         no segmentation at all
//   EMSGSIZE              a segment exceeds the route's MTU              off for this destination and this size
//   EINVAL, 64 segments   older kernels count the headers too, so that   63 at most for the socket
//                         64 full segments are too many for them
//   EINVAL, fewer         EMSGSIZE, as kernels before 2025 say it        off for this destination and this size
//
// One destination's small MTU must not cost the others their segments, so EINVAL lowers the bound of all by that one.
// The sender resends the refused train without segmentation at once, and tells the policy whether that went. A train
// that fails both ways says nothing about segmentation, with the exception of EIO and EOPNOTSUPP.
#pragma once

#include <array>

#include <culvert/address.hpp>

#include "udp_socket.hpp"

namespace culvert::io {

/// One refused send.
struct GsoRefusal {
  int error = 0;
  IpAddress to;
  std::size_t stride = 0;
  std::size_t segments = 0;
};

enum class Resend : std::uint8_t { failed, went };

class GsoPolicy {
 public:
  /// Destinations that are remembered at most; the oldest makes room.
  static constexpr std::size_t kMaxDestinations = 32;
  /// Sends after which a destination is tried with segmentation again, in case nobody says that its route changed.
  static constexpr std::uint32_t kSendsUntilRetry = 4096;

  enum class Start : std::uint8_t { off, on };
  explicit GsoPolicy(Start start) noexcept : max_segments_(start == Start::on ? kMaxTrainPackets : 1) {}

  /// How many datagrams one send may carry. 1: without UDP_SEGMENT. Counts as one send.
  [[nodiscard]] std::size_t take_segments(const IpAddress& to, std::size_t stride) noexcept;

  /// True if this refusal switched segmentation off for the socket.
  bool learn(const GsoRefusal& refusal, Resend resend) noexcept;
  void forget_destinations() noexcept { used_ = next_ = 0; }

  [[nodiscard]] bool enabled() const noexcept { return max_segments_ > 1; }

 private:
  struct Refused {
    IpAddress to;
    std::size_t stride = 0;  // and all that is longer
    std::uint32_t sends_left = 0;
  };

  void remember(const IpAddress& to, std::size_t stride) noexcept;

  std::size_t max_segments_;
  std::array<Refused, kMaxDestinations> refused_{};
  std::size_t used_ = 0;
  std::size_t next_ = 0;  // the oldest, once all are used
};

}  // namespace culvert::io
