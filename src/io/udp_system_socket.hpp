// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "udp_open.hpp"
#include "udp_socket.hpp"

namespace culvert::io {

/// Takes over one socket of a group. `calls` must outlive it.
[[nodiscard]] std::unique_ptr<UdpSocket> make_udp_socket(UniqueFd fd, Family family, UdpOffloads offloads,
                                                         UdpCalls& calls);
[[nodiscard]] std::unique_ptr<UdpSocket> make_udp_socket(UniqueFd fd, Family family, UdpOffloads offloads);

}  // namespace culvert::io
