// SPDX-License-Identifier: MIT
// Opens the sockets on which the outside reaches us: for each family a group of one control socket and one socket a
// lane, all on one port.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include <culvert/address.hpp>
#include <culvert/result.hpp>

#include "system_error.hpp"
#include "udp_steering.hpp"
#include "unique_fd.hpp"

namespace culvert::io {

class UdpCalls;

enum class Switch : bool { off, on };

inline constexpr int kUsualLaneBuffer = 7 * 1024 * 1024;

struct UdpOptions {
  std::uint16_t port = 0;                     // 0: the kernel chooses
  std::uint32_t fwmark = 0;                   // 0: none
  std::size_t lanes = 1;                      // 1 to kMaxLanes
  Switch gso = Switch::on;                    // UDP_SEGMENT where the kernel has it
  Switch gro = Switch::on;                    // UDP_GRO where the kernel has it and it is sound (see udp_kernel.hpp)
  int control_buffer_octets = 256 * 1024;     // small: a flood of handshakes fills it, and no data waits in it
  int lane_buffer_octets = kUsualLaneBuffer;  // each for receiving and for sending; see `set_lane_buffers`
};

/// What the sockets of a group were found able to do, within the options.
struct UdpOffloads {
  bool gso = false;
  bool gro = false;

  friend bool operator==(const UdpOffloads&, const UdpOffloads&) = default;
};

/// The sockets of one family, ready for use: bound, never connected, non-blocking, close-on-exec.
struct UdpGroup {
  Family family = Family::v4;
  std::uint16_t port = 0;
  UdpOffloads offloads;
  int lane_receive_octets =
      0;  // what the kernel granted; it counts its own bookkeeping in, so up to twice what was asked
  UniqueFd control;
  std::vector<UniqueFd> lanes;
};

/// The groups of both families, on one port. At least one exists.
struct Outside {
  std::uint16_t port = 0;
  std::optional<UdpGroup> v4, v6;
};

/// The host as `open_udp_group` and `open_outside` find it. borrowed: for the call.
struct UdpHost {
  UdpCalls& calls;
  std::string_view kernel_release;
};

/// \returns EADDRINUSE also when the port's owner has SO_REUSEPORT. Nothing stays open after an error.
[[nodiscard]] Result<UdpGroup, SystemError> open_udp_group(Family family, const UdpOptions& options,
                                                           const UdpHost& host);
[[nodiscard]] Result<UdpGroup, SystemError> open_udp_group(Family family, const UdpOptions& options);

/// Opens both families, on the same port; the host may lack either one.
[[nodiscard]] Result<Outside, SystemError> open_outside(const UdpOptions& options, const UdpHost& host);
[[nodiscard]] Result<Outside, SystemError> open_outside(const UdpOptions& options);

/// Marks what a live socket sends from this call on; 0 takes the mark away. Needs CAP_NET_ADMIN or CAP_NET_RAW.
[[nodiscard]] Result<void, SystemError> set_fwmark(int socket, std::uint32_t fwmark);
/// All sockets of the group; on error some may have the new mark.
[[nodiscard]] Result<void, SystemError> set_fwmark(const UdpGroup& group, std::uint32_t fwmark);
/// Both families.
[[nodiscard]] Result<void, SystemError> set_fwmark(const Outside& outside, std::uint32_t fwmark);

/// How much the lanes' sockets may hold, for receiving and for sending. Without privilege net.core.*mem_max caps it;
/// too small a buffer is no error.
void set_lane_buffers(const Outside& outside, int octets) noexcept;

}  // namespace culvert::io
