// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "udp_calls.hpp"
#include "udp_open.hpp"
#include "udp_socket.hpp"

namespace culvert::io {

/// A socket of a group, as Linux provides it; the descriptor is taken over. `calls` must outlive it.
/// \param counters  of this socket and of those that its thread had before it, so that nothing is forgotten when one
///                  replaces another.
[[nodiscard]] std::unique_ptr<UdpSocket> make_udp_socket(
    UniqueFd fd, Family family, UdpOffloads offloads, UdpCalls& calls = system_udp_calls(),
    std::shared_ptr<UdpCounters> counters = std::make_shared<UdpCounters>());

}  // namespace culvert::io
