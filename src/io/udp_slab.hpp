// SPDX-License-Identifier: MIT
#pragma once

#include <sys/socket.h>

#include <memory>
#include <vector>

#include "udp_socket.hpp"

namespace culvert::io {

/// Owns the memory that receives write to, all of it made at construction: a slot for one train, and what recvmmsg
/// wants beside it. One slab may serve several sockets of one thread, one after the other.
class ReceiveSlab {
 public:
  /// No datagram and no train that UDP_GRO gathers is longer, so nothing is ever truncated.
  static constexpr std::size_t kSlotOctets = 65536;

  /// Takes `slots` (1 to 1024) times 64 KiB of address space; pages that no datagram reached stay untouched.
  explicit ReceiveSlab(std::size_t slots);
  ReceiveSlab(const ReceiveSlab&) = delete;
  ReceiveSlab& operator=(const ReceiveSlab&) = delete;
  ~ReceiveSlab();

  [[nodiscard]] std::size_t slots() const noexcept { return trains_.size(); }
  [[nodiscard]] MutBytes slot(std::size_t i) noexcept { return {octets_.get() + i * kSlotOctets, kSlotOctets}; }
  /// One for each slot, for a `UdpSocket` to fill from the first on.
  [[nodiscard]] std::span<InTrain> trains() noexcept { return trains_; }

  /// Headers for one recvmmsg over all slots, made ready afresh.
  [[nodiscard]] std::span<mmsghdr> prepare() noexcept;

 private:
  struct Side;  // what the kernel writes beside the octets: sender, control data

  std::unique_ptr<std::uint8_t[]> octets_;
  std::vector<InTrain> trains_;
  std::vector<mmsghdr> headers_;
  std::unique_ptr<Side[]> sides_;
};

}  // namespace culvert::io
