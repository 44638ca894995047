// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "aead.hpp"
#include "data_path.hpp"
#include "tap.hpp"
#include "udp_errors.hpp"
#include "udp_socket.hpp"

namespace culvert::engine {

/// Something on a lane that control should tell people, or act upon.
struct Notice {
  enum class Kind : std::uint8_t {
    interface_gone,      // the TUN queue is dead: the interface was deleted
    socket_dead,         // error
    segmentation_off,    // UDP_SEGMENT was refused: error
    tcp_coalescing_off,  // the kernel refused a super-packet
    udp_coalescing_off,
    flood_thinned,  // the kernel holds back most of what `senders` send to control
    flood_over,
    thinning_refused,  // the kernel will not, by `error`
  } kind = Kind::interface_gone;
  int error = 0;
  std::size_t senders = 0;
};

[[nodiscard]] inline report::Unreachable unreachable(const io::IcmpError& error) noexcept {
  using Kind = io::IcmpError::Kind;
  Problem problem = Problem::unreachable;
  if (error.kind == Kind::port_closed) problem = Problem::port_closed;
  if (error.kind == Kind::prohibited) problem = Problem::admin_prohibited;
  return {error.to, error.told_by, problem};
}

/// What both directions of one lane share. The lane's thread alone touches it.
struct LaneState {
  LaneState(std::size_t lane_, std::size_t lanes, std::size_t mtu, const crypto::AeadBackend& aead_)
      : lane(lane_), path(lane_, lanes, mtu), aead(aead_) {
    reports.reserve(256);
    notices.reserve(16);
  }

  const std::size_t lane;
  DataPath path;
  const crypto::AeadBackend& aead;
  std::shared_ptr<io::UdpSocket> v4, v6;
  Instant now{};
  Reports reports;                 // of this batch
  std::vector<Notice> notices;     // likewise
  std::shared_ptr<Tap> tap;        // of a capture; none most of the time
  std::size_t handshake_room = 0;  // how many handshake messages this batch may still report
};

}  // namespace culvert::engine
