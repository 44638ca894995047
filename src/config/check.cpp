// SPDX-License-Identifier: MIT
#include "check.hpp"

#include <algorithm>
#include <set>

#include "check_findings.hpp"
#include "networks.hpp"
#include "uapi_text.hpp"

namespace culvert::config {
namespace {

using enum Finding::Grade;

constexpr std::uint32_t kLeastIpv6Mtu = 1280;  // [RFC 8200 5]

void check_key(const Config& config, CheckFindings& out) {
  if (!config.private_key.secret.is_zero()) return;
  const bool later =
      !config.hooks.pre_up.empty() || !config.hooks.post_up.empty();  // wg-quick's idiom: PostUp = wg set
  out.add(
      later ? warning : error, "interface.private_key", {},
      later ? "missing; unless a command sets it, no peer can be talked to" : "missing; make one with: culvert genkey");
}

void check_addresses(const Config& config, CheckFindings& out) {
  std::set<IpAddress> seen;
  bool has_v6 = false;
  for (const Prefix& own : config.addresses) {
    const std::string value = to_string(own);
    has_v6 = has_v6 || own.address.family == Family::v6;
    if (!seen.insert(own.address).second)
      out.add(error, "interface.addresses", value, "this address is there twice; remove one");
    if (is_multicast(own.address) || own.address == IpAddress{own.address.family, {}})
      out.add(warning, "interface.addresses", value, "not an address that a host can have");
    // A network without its host: "10.0.0.0/24". Two addresses or one have none to spare [RFC 3021, 6164].
    else if (own.length + 1 < address_bits(own.address.family) && masked(own) == own)
      out.add(warning, "interface.addresses", value,
              "this is the network's address, not a host's in it; add the host's part");
  }
  const auto is_v6 = [](const Prefix& prefix) { return prefix.address.family == Family::v6; };
  for (const PeerConfig& peer : config.peers)
    has_v6 = has_v6 || std::any_of(peer.allowed_ips.begin(), peer.allowed_ips.end(), is_v6);
  if (config.mtu && *config.mtu < kLeastIpv6Mtu && has_v6)
    out.add(error, "interface.mtu", std::to_string(*config.mtu),
            "IPv6 needs 1280 octets at least; raise it, or remove the IPv6 addresses");
}

void check_routes(const Config& config, CheckFindings& out) {
  const bool full = config.full_tunnel(Family::v4) || config.full_tunnel(Family::v6);
  if (full && config.table.kind == RoutingTable::Kind::automatic && config.fwmark == 0u)
    out.add(error, "interface.fwmark", "0",
            "a peer takes all traffic, and without a mark the tunnel's own would go in circles; remove this line");
  if (full && config.table.kind == RoutingTable::Kind::number && config.fwmark.value_or(0) == 0)
    out.add(warning, "interface.table", to_string(config.table),
            "a peer takes all traffic, but routing by rules is yours with a table of your own; set fwmark for them");
  if (config.firewall.kill_switch && !full)
    out.add(warning, "firewall.kill_switch", "true",
            "no peer takes all traffic (0.0.0.0/0, ::/0): what is not for a peer goes nowhere");
  if (config.firewall.allow_lan && !config.firewall.kill_switch)
    out.add(warning, "firewall.allow_lan", "true", "it has no effect without kill_switch");
  if (full && config.dns.servers.empty() && !config.gateway.enabled)
    out.add(warning, "dns.servers", {},
            "all traffic goes through the tunnel, but names are still asked of the local network's resolver; add one");
}

void check_gateway(const Config& config, CheckFindings& out) {
  const GatewayConfig& gateway = config.gateway;
  if (gateway.outside_interface == config.name && !gateway.outside_interface.empty())
    out.add(error, "gateway.outside_interface", gateway.outside_interface,
            "this is the tunnel itself; name the other side");
  if (!gateway.outside_interface.empty() && !gateway.masquerade)
    out.add(warning, "gateway.outside_interface", gateway.outside_interface, "it has no effect without masquerade");
  if (gateway.enabled && gateway.masquerade && config.addresses.empty())
    out.add(warning, "gateway.masquerade", "true", "the interface has no address; set interface.addresses");
  if (!gateway.enabled && (gateway.masquerade || !gateway.allowed_subnets.empty()))
    out.add(warning, "gateway.enabled", "false", "the rest of the section has no effect");
}

void check_limits(const Config& config, CheckFindings& out) {
  const auto& most = config.limits.peers;
  if (most && config.peers.size() > *most)
    out.add(error, "limits.peers", std::to_string(*most),
            "the configuration has " + std::to_string(config.peers.size()) + " peers; raise it, or remove some");
}

void check_reach(const Config& config, CheckFindings& out) {
  const bool somebody_can_call = std::any_of(config.peers.begin(), config.peers.end(),
                                             [](const PeerConfig& peer) { return !peer.endpoints.empty(); });
  if (config.listen_port == 0 && !config.peers.empty() && !somebody_can_call)
    out.add(warning, "interface.listen_port", "0",
            "no peer has an endpoint, and none can know a port that changes at each start; set one, such as 51820");
  const std::string& listen = config.observe.metrics_listen;
  if (const auto address = parse_endpoint(listen);
      address && address->address.octets[0] != 127 && listen.find("[::1]:") != 0)
    out.add(warning, "observe.metrics_listen", listen,
            "others on the network can read the metrics; 127.0.0.1 is safer");
}

void check_save(const Config& config, CheckFindings& out) {
  if (config.save_config && !config.place.file.ends_with(".conf"))
    out.add(warning, "interface.save_config", "true",
            "only a file of wg-quick is written back at down; what wg changes in this tunnel is lost then");
}

void check_secrets(const Config& config, CheckFindings& out) {
  if (config.observe.key_log)
    out.add(warning, "observe.key_log", "true",
            "whoever may capture here can keep what opens recorded sessions; remove it when the search is over");
}

}  // namespace

std::vector<Finding> check(const Config& config) {
  CheckFindings out(config);
  check_key(config, out);
  check_addresses(config, out);
  check_routes(config, out);
  check_gateway(config, out);
  check_limits(config, out);
  check_reach(config, out);
  check_save(config, out);
  check_secrets(config, out);
  check_peers(config, out);
  return out.take();
}

}  // namespace culvert::config
