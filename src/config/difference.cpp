// SPDX-License-Identifier: MIT
#include "difference.hpp"

#include <algorithm>
#include <unordered_map>

#include "values.hpp"

namespace culvert::config {
namespace {

constexpr std::string_view kNone = "(none)";

std::string shown(bool value) { return value ? "true" : "false"; }
std::string shown(const std::string& value) { return value.empty() ? std::string(kNone) : value; }
std::string shown(std::uint32_t value) { return std::to_string(value); }
std::string shown(std::chrono::seconds value) { return value.count() == 0 ? "off" : std::to_string(value.count()); }
std::string shown(DnsBackend value) { return std::string(to_string(value)); }
std::string shown(const RoutingTable& value) { return to_string(value); }
std::string shown(const HostPort& value) { return to_string(value); }
std::string shown(const IpAddress& value) { return to_string(value); }
std::string shown(const Prefix& value) { return to_string(value); }
std::string shown(UnixTime value) { return to_string(value); }

template <class T>
std::string shown(const std::optional<T>& value) {
  return value ? shown(*value) : std::string(kNone);
}

template <class T>
std::string shown(const std::vector<T>& values) {
  std::string out;
  for (const T& value : values) out += (out.empty() ? "" : ", ") + shown(value);
  return shown(out);
}

class Comparison {
 public:
  explicit Comparison(std::vector<Difference>& out) : out_(out) {}

  template <class T>
  void compare(std::string key, const T& before, const T& after) {
    if (!(before == after)) out_.push_back({Difference::Kind::changed, std::move(key), shown(before), shown(after)});
  }
  void compare_secret(std::string key, const Secret<32>& before, const Secret<32>& after) {
    if (!ct_equal(before.bytes(), after.bytes())) out_.push_back({Difference::Kind::changed, std::move(key), {}, {}});
  }

 private:
  std::vector<Difference>& out_;
};

void compare_interface(Comparison& out, const Config& a, const Config& b) {
  out.compare_secret("interface.private_key", a.private_key.secret, b.private_key.secret);
  out.compare("interface.addresses", a.addresses, b.addresses);
  out.compare("interface.listen_port", std::uint32_t{a.listen_port}, std::uint32_t{b.listen_port});
  out.compare("interface.mtu", a.mtu, b.mtu);
  out.compare("interface.table", a.table, b.table);
  out.compare("interface.fwmark", a.fwmark, b.fwmark);
  out.compare("interface.lanes", a.lanes, b.lanes);
  out.compare("interface.aead", a.aead, b.aead);
  out.compare("interface.public_endpoint", a.public_endpoint, b.public_endpoint);
  out.compare("interface.save_config", a.save_config, b.save_config);
}

void compare_sections(Comparison& out, const Config& a, const Config& b) {
  out.compare("dns.servers", a.dns.servers, b.dns.servers);
  out.compare("dns.search", a.dns.search, b.dns.search);
  out.compare("dns.backend", a.dns.backend, b.dns.backend);
  out.compare("firewall.kill_switch", a.firewall.kill_switch, b.firewall.kill_switch);
  out.compare("firewall.allow_lan", a.firewall.allow_lan, b.firewall.allow_lan);
  out.compare("gateway.enabled", a.gateway.enabled, b.gateway.enabled);
  out.compare("gateway.masquerade", a.gateway.masquerade, b.gateway.masquerade);
  out.compare("gateway.outside_interface", a.gateway.outside_interface, b.gateway.outside_interface);
  out.compare("gateway.allowed_subnets", a.gateway.allowed_subnets, b.gateway.allowed_subnets);
  out.compare("pool.prefixes", a.pool.prefixes, b.pool.prefixes);
  out.compare("offloads.vnet", a.offloads.vnet, b.offloads.vnet);
  out.compare("offloads.gso", a.offloads.gso, b.offloads.gso);
  out.compare("offloads.gro", a.offloads.gro, b.offloads.gro);
  out.compare("limits.peers", a.limits.peers, b.limits.peers);
  out.compare("limits.handshakes_per_second", a.limits.handshakes_per_second, b.limits.handshakes_per_second);
  out.compare("limits.staged_packets", a.limits.staged_packets, b.limits.staged_packets);
  out.compare("limits.socket_buffer", a.limits.socket_buffer, b.limits.socket_buffer);
  out.compare("hooks.pre_up", a.hooks.pre_up, b.hooks.pre_up);
  out.compare("hooks.post_up", a.hooks.post_up, b.hooks.post_up);
  out.compare("hooks.pre_down", a.hooks.pre_down, b.hooks.pre_down);
  out.compare("hooks.post_down", a.hooks.post_down, b.hooks.post_down);
  out.compare("observe.metrics_listen", a.observe.metrics_listen, b.observe.metrics_listen);
  out.compare("observe.metrics_compatible_names", a.observe.metrics_compatible_names,
              b.observe.metrics_compatible_names);
  out.compare("observe.key_log", a.observe.key_log, b.observe.key_log);
  out.compare("observe.event_hooks", a.observe.event_hooks, b.observe.event_hooks);
}

void compare_peer(Comparison& out, const PeerConfig& a, const PeerConfig& b) {
  const std::string prefix = "peer " + b.name + ": ";
  out.compare(prefix + "name", a.name, b.name);
  out.compare_secret(prefix + "preshared_key", a.preshared_key.secret, b.preshared_key.secret);
  out.compare(prefix + "endpoint", a.endpoints, b.endpoints);
  out.compare(prefix + "allowed_ips", a.allowed_ips, b.allowed_ips);
  out.compare(prefix + "persistent_keepalive", a.persistent_keepalive, b.persistent_keepalive);
  out.compare(prefix + "expires", a.expires, b.expires);
  out.compare(prefix + "enabled", a.enabled, b.enabled);
}

std::unordered_map<PublicKey, const PeerConfig*> by_key(const Config& config) {
  std::unordered_map<PublicKey, const PeerConfig*> out;
  for (const PeerConfig& peer : config.peers) out.emplace(peer.public_key, &peer);
  return out;
}

}  // namespace

std::string Difference::line() const {
  switch (kind) {
    case Kind::added:
      return "+ " + key;
    case Kind::removed:
      return "- " + key;
    case Kind::changed:
      break;
  }
  if (before.empty() && after.empty()) return "~ " + key + ": changed";
  return "~ " + key + ": " + before + " -> " + after;
}

std::vector<Difference> differences(const Config& before, const Config& after) {
  std::vector<Difference> out;
  Comparison comparison(out);
  comparison.compare("interface", before.name, after.name);
  compare_interface(comparison, before, after);
  compare_sections(comparison, before, after);

  const auto old_peers = by_key(before);
  const auto new_peers = by_key(after);
  for (const PeerConfig& peer : before.peers)
    if (!new_peers.contains(peer.public_key)) out.push_back({Difference::Kind::removed, "peer " + peer.name, {}, {}});
  for (const PeerConfig& peer : after.peers) {
    const auto old = old_peers.find(peer.public_key);
    if (old == old_peers.end())
      out.push_back({Difference::Kind::added, "peer " + peer.name, {}, {}});
    else
      compare_peer(comparison, *old->second, peer);
  }
  return out;
}

}  // namespace culvert::config
