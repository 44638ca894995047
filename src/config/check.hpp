// SPDX-License-Identifier: MIT
// What is wrong with a configuration although each of its values is right. Two questions: whether it makes sense in
// itself (`check`, which every reader asks, and whose errors keep it from being used), and whether it goes together
// with this host at this moment (`check_host`, warnings only, since the host may change). Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "config.hpp"

namespace culvert::config {

/// Findings in the order of peers; their places are those of the interface's file and the peers' tables.
/// Errors: no private key, the same public key, name or allowed IP twice, a peer with the interface's own key, a key
/// with which no handshake can succeed, a /0 with a table but without a mark, a kill switch without a full tunnel, IPv6
/// in less than 1280 octets. Warnings: a peer's own address inside another's narrower prefix, and what is allowed but
/// hardly meant.
[[nodiscard]] std::vector<Finding> check(const Config& config);

/// An address of one of the host's interfaces, with the length of its network.
struct HostAddress {
  std::string interface;
  Prefix prefix;
};

/// What `check_host` needs to know. The tunnel's own interface and loopback are left out by the caller.
struct HostFacts {
  std::vector<HostAddress> addresses;
  UnixTime now;
};

/// Networks that the host is in and the tunnel takes or has, expired peers, a missing keepalive behind a NAT.
[[nodiscard]] std::vector<Finding> check_host(const Config& config, const HostFacts& facts);

}  // namespace culvert::config
