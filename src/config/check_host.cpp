// SPDX-License-Identifier: MIT
#include <algorithm>

#include "check.hpp"
#include "check_findings.hpp"
#include "networks.hpp"
#include "uapi_text.hpp"

namespace culvert::config {
namespace {

using enum Finding::Grade;

/// Half of everything is a full tunnel in two routes, as OpenVPN makes it.
bool is_everything(const Prefix& prefix) noexcept { return prefix.length <= 1; }

bool counts(const HostAddress& address) noexcept { return !is_link_local(address.prefix.address); }

std::string network_of(const HostAddress& address) {
  return to_string(masked(address.prefix)) + " of " + address.interface;
}

void check_own_addresses(const Config& config, const HostFacts& facts, CheckFindings& out) {
  for (const Prefix& own : config.addresses) {
    for (const HostAddress& local : facts.addresses) {
      if (!counts(local) || !overlap(own, local.prefix)) continue;
      const bool same = own.address == local.prefix.address;
      out.add(warning, "interface.addresses", to_string(own),
              same ? "interface " + local.interface + " of this host has this address already; choose another"
                   : "its network overlaps with the local network " + network_of(local) +
                         ", so that one of them cannot be reached; choose another");
      break;
    }
  }
}

void check_lan(const PeerConfig& peer, const HostFacts& facts, CheckFindings& out) {
  for (const Prefix& allowed : peer.allowed_ips) {
    if (is_everything(allowed)) continue;
    for (const HostAddress& local : facts.addresses) {
      if (!counts(local) || !overlap(allowed, local.prefix)) continue;
      out.add(warning, peer, "allowed_ips", to_string(allowed),
              "it overlaps with the local network " + network_of(local) +
                  ": the same addresses are here and there, and " +
                  (allowed.length < local.prefix.length ? "those here win" : "those there win"));
      break;
    }
  }
}

bool has_public(const HostFacts& facts, Family family) {
  return std::any_of(facts.addresses.begin(), facts.addresses.end(), [family](const HostAddress& local) {
    return local.prefix.address.family == family && !is_private(local.prefix.address);
  });
}

/// A peer on the local network is reached without NAT.
bool is_outside(const PeerConfig& peer) {
  return std::any_of(peer.endpoints.begin(), peer.endpoints.end(), [](const HostPort& endpoint) {
    const auto address = numeric(endpoint);
    return !address || !is_private(address->address);
  });
}

void check_keepalive(const Config& config, const PeerConfig& peer, const HostFacts& facts, CheckFindings& out) {
  const bool behind_nat = !facts.addresses.empty() && !has_public(facts, Family::v4);
  if (!behind_nat || config.listen_port != 0 || peer.persistent_keepalive.count() != 0 || !is_outside(peer)) return;
  out.add(
      warning, peer, "persistent_keepalive", "off",
      "this host seems to be behind a NAT, which forgets the tunnel when it is silent; set 25 if the peer is to reach "
      "this host");
}

}  // namespace

std::vector<Finding> check_host(const Config& config, const HostFacts& facts) {
  CheckFindings out(config);
  check_own_addresses(config, facts, out);
  if (config.full_tunnel(Family::v4) && !config.full_tunnel(Family::v6) && !config.firewall.kill_switch &&
      has_public(facts, Family::v6))
    out.add(warning, "firewall.kill_switch", "false",
            "IPv4 goes through the tunnel, but this host's IPv6 goes outside of it; add ::/0 to the peer, or the kill "
            "switch");
  for (const PeerConfig& peer : config.peers) {
    if (peer.enabled && peer.expired_at(facts.now))
      out.add(warning, peer, "expires", to_string(*peer.expires), "it has expired, and is refused");
    check_lan(peer, facts, out);
    check_keepalive(config, peer, facts, out);
  }
  return out.take();
}

}  // namespace culvert::config
