// SPDX-License-Identifier: MIT
#include "udp_socket.hpp"

#include <cerrno>

namespace culvert::io {

Drop send_drop(int error) noexcept {
  switch (error) {
    case EPERM:
    case EACCES:
      return Drop::blocked_by_firewall;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
      return Drop::outside_unreachable;
    default:
      return Drop::outside_send_failed;
  }
}

}  // namespace culvert::io
