// SPDX-License-Identifier: MIT
// The files that `culvert init` writes: complete, commented, and good in the eyes of `culvert check`. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <culvert/address.hpp>
#include <culvert/entropy.hpp>
#include <culvert/keys.hpp>

#include "config.hpp"
#include "peer_options.hpp"
#include "secret_view.hpp"

namespace culvert::cli {

struct GatewayPlan {
  std::string interface;
  std::vector<Prefix> addresses;  // of the gateway, with the length of the pool
  std::uint16_t port = 51820;
  std::optional<config::HostPort> public_endpoint;
  std::string outside_interface;  // empty: any
  InitOptions::Masquerade masquerade = InitOptions::Masquerade::yes;
  std::optional<std::uint32_t> mtu;
};

struct ClientPlan {
  std::string interface;
  std::vector<Prefix> addresses;
  config::HostPort endpoint;
  PublicKey gateway;
  std::vector<Prefix> allowed_ips;
  std::vector<IpAddress> dns;
  InitOptions::KillSwitch kill_switch = InitOptions::KillSwitch::off;
  std::optional<std::uint32_t> mtu;
};

[[nodiscard]] SecretText gateway_text(const GatewayPlan& plan, const PrivateKey& key);
[[nodiscard]] SecretText client_text(const ClientPlan& plan, const PrivateKey& key);

/// The gateway's addresses in a /24 of 10.0.0.0/8 and a /64 of fd00::/8, both drawn at random, so that two gateways
/// hardly ever draw the same [RFC 4193 3.2], and neither in use on this machine.
[[nodiscard]] std::vector<Prefix> draw_pool(Entropy& entropy, const std::vector<Prefix>& in_use);

/// "["10.0.0.1/24", "fd00::1/64"]".
[[nodiscard]] std::string toml_list(const std::vector<Prefix>& prefixes);

}  // namespace culvert::cli
