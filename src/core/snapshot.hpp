// SPDX-License-Identifier: MIT
// What a device says of itself at one instant, keys included.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <culvert/address.hpp>
#include <culvert/keys.hpp>
#include <culvert/time.hpp>

#include "set_request.hpp"

namespace culvert {

struct PeerSnapshot {
  PublicKey public_key;
  std::string name{};  // empty: nobody gave one
  Blocked blocked = Blocked::no;
  PresharedKey preshared_key;  // all zero: none
  std::optional<Endpoint> endpoint;
  std::chrono::seconds persistent_keepalive{0};  // 0: off
  std::uint64_t received_octets = 0;             // from the peer, as the outside carries them
  std::uint64_t sent_octets = 0;
  std::optional<PastTraffic> past{};  // beside it; nullopt: nobody remembers any
  UnixTime last_handshake;            // zero: never
  std::vector<Prefix> allowed_ips;
};

struct DeviceSnapshot {
  PrivateKey private_key;         // all zero: no identity
  std::uint16_t listen_port = 0;  // the port in use, also when it was chosen by the kernel; 0: none
  std::uint32_t fwmark = 0;       // 0: off
  std::vector<PeerSnapshot> peers;
};

}  // namespace culvert
