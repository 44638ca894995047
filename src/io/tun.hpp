// SPDX-License-Identifier: MIT
// The TUN device: opening or taking it over with all its queues and the offloads that the kernel grants, and asking for
// its name, MTU and link state. The queues themselves are `tun_queue.hpp`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <culvert/result.hpp>

#include "system_error.hpp"
#include "tun_calls.hpp"
#include "unique_fd.hpp"
#include "vnet.hpp"

namespace culvert::io {

inline constexpr std::uint32_t kDefaultMtu = 1420;
inline constexpr std::size_t kMaxTunQueues = 256;  // [K drivers/net/tun.c] MAX_TAP_QUEUES

/// 1 to 15 of [a-zA-Z0-9_=+.-], and neither "." nor "..".
[[nodiscard]] bool is_interface_name(std::string_view name) noexcept;

struct TunOptions {
  std::string name;
  std::size_t queues = 1;                // 1 to kMaxTunQueues
  TunOffload offload = TunOffload::udp;  // at most
  std::uint32_t mtu = kDefaultMtu;       // set when the device is created, not when it exists already
};

/// An open device. The descriptors do not block and are closed on exec.
struct Tun {
  enum class Origin : std::uint8_t { created, attached, adopted };

  std::string name{};  // as the kernel has it
  Origin origin = Origin::created;
  TunOffload offload = TunOffload::none;  // granted
  std::vector<UniqueFd> queues{};         // can be fewer than asked: 1 on an existing device without multi-queue
  std::string note{};                     // what was refused and done without, as one log line; empty: nothing to tell
};

/// Creates the device, or attaches to a persistent one. Unchanged system on failure.
[[nodiscard]] Result<Tun, SystemError> open_tun(const TunOptions& options, const TunCalls& calls = system_tun_calls());

/// Takes over open queues of one device (WG_TUN_FD). They must be TUN without packet information; whether they carry
/// vnet headers is asked of the kernel.
[[nodiscard]] Result<Tun, SystemError> adopt_tun(std::vector<UniqueFd> queues, TunOffload at_most,
                                                 const TunCalls& calls = system_tun_calls());

/// The name at this moment: it can be changed while the device is open.
[[nodiscard]] Result<std::string, SystemError> tun_name(int queue, const TunCalls& calls = system_tun_calls());

}  // namespace culvert::io
