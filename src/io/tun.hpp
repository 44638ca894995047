// SPDX-License-Identifier: MIT
// The TUN device: opening or taking it over with all its queues and the offloads that the kernel grants, and asking for
// its name, MTU and link state. The queues themselves are `tun_queue.hpp`.
//
// Order. With several queues the kernel gives an outgoing packet to the queue whose number follows from a hash of its
// addresses and ports (of a fragment, its addresses alone), unless it remembers another queue for that hash: the one
// through which a packet of the flow came in last. So a flow would move to another lane with its first answer, and
// packets in two lanes overtake each other. It remembers nothing of what is written through a detached queue, which it
// takes nevertheless [K 9e85722d58ca, Linux 3.9]. Hence each of several queues has a detached queue beside it, its
// writer: what it reads is attached and never written to, what it writes to is detached and never read from. Then a
// flow is the matter of one lane for good.
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
inline constexpr std::size_t kMaxTunQueues = 128;  // half of MAX_TAP_QUEUES [K drivers/net/tun.c]: each has a writer

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
  std::vector<UniqueFd> queues{};         // can be fewer than asked: 1 where several would not keep the order
  std::vector<UniqueFd> writers{};        // one a queue; none beside a single queue, which is written to itself
  std::string note{};                     // what was refused and done without, as one log line; empty: nothing to tell
};

/// Creates the device, which is this user's alone, or attaches to a persistent one. Unchanged system on failure.
[[nodiscard]] Result<Tun, SystemError> open_tun(const TunOptions& options, const TunCalls& calls = system_tun_calls());

/// Takes over an open queue (WG_TUN_FD). It must be TUN without packet information; whether it carries vnet headers is
/// asked of the kernel.
[[nodiscard]] Result<Tun, SystemError> adopt_tun(UniqueFd queue, TunOffload at_most,
                                                 const TunCalls& calls = system_tun_calls());

/// The name at this moment: it can be changed while the device is open.
[[nodiscard]] Result<std::string, SystemError> tun_name(int queue, const TunCalls& calls = system_tun_calls());

}  // namespace culvert::io
