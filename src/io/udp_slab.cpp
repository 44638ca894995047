// SPDX-License-Identifier: MIT
#include "udp_slab.hpp"

#include "socket_name.hpp"
#include "udp_control.hpp"

namespace culvert::io {

struct ReceiveSlab::Side {
  SocketName name;
  iovec octets;
  alignas(cmsghdr) std::byte control[kInControlOctets];
};

ReceiveSlab::ReceiveSlab(std::size_t slots)
    : octets_(std::make_unique_for_overwrite<std::uint8_t[]>(slots * kSlotOctets)),
      trains_(slots),
      headers_(slots),
      sides_(std::make_unique<Side[]>(slots)) {}

ReceiveSlab::~ReceiveSlab() = default;

std::span<mmsghdr> ReceiveSlab::prepare() noexcept {
  for (std::size_t i = 0; i < headers_.size(); ++i) {
    Side& side = sides_[i];
    side.octets = {octets_.get() + i * kSlotOctets, kSlotOctets};
    msghdr& header = headers_[i].msg_hdr;
    header = {};
    header.msg_name = &side.name;
    header.msg_namelen = sizeof side.name;
    header.msg_iov = &side.octets;
    header.msg_iovlen = 1;
    header.msg_control = side.control;
    header.msg_controllen = sizeof side.control;
    headers_[i].msg_len = 0;
  }
  return headers_;
}

}  // namespace culvert::io
