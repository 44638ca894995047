// SPDX-License-Identifier: MIT
// Configurations with every field filled at random, for round trips. What they hold is always valid.
#pragma once

#include <random>
#include <set>

#include "config.hpp"

namespace culvert::config::test {

class RandomConfig {
 public:
  explicit RandomConfig(std::uint64_t seed) : random_(seed) {}

  Config config() {
    Config out;
    out.name = "wg0";
    fill(out.private_key.secret.bytes());
    for (unsigned n = 1 + below(3); n > 0; --n) out.addresses.push_back({address(), 0});
    for (Prefix& p : out.addresses) p.length = static_cast<std::uint8_t>(below(address_bits(p.address.family) + 1u));
    out.listen_port = static_cast<std::uint16_t>(maybe() ? below(65536) : 0);
    if (maybe()) out.fwmark = word();
    if (maybe()) out.mtu = 1280 + below(8000);
    for (unsigned n = below(3); n > 0; --n) out.dns.servers.push_back(address());
    for (unsigned n = below(3); n > 0; --n) out.dns.search.push_back(host());
    // What wg-quick means by servers and domains together.
    if (!out.dns.servers.empty() && !out.dns.search.empty()) out.dns.search.emplace_back("~.");
    out.table.kind = static_cast<RoutingTable::Kind>(below(3));
    if (out.table.kind == RoutingTable::Kind::number) out.table.number = 1 + below(100000);
    for (auto* hooks : {&out.hooks.pre_up, &out.hooks.post_up, &out.hooks.pre_down, &out.hooks.post_down})
      for (unsigned n = below(3); n > 0; --n) hooks->push_back(command());
    out.save_config = maybe();
    for (unsigned n = below(6); n > 0; --n) out.peers.push_back(peer());
    return out;
  }

  /// What only TOML can say.
  void add_own(Config& out) {
    out.dns.backend = static_cast<DnsBackend>(below(4));
    out.firewall = {maybe(), maybe()};
    out.gateway.enabled = maybe();
    out.gateway.masquerade = maybe();
    if (maybe()) out.gateway.outside_interface = "eth" + std::to_string(below(10));
    for (unsigned n = below(3); n > 0; --n) out.gateway.allowed_subnets.push_back(network());
    for (unsigned n = below(3); n > 0; --n) out.pool.prefixes.push_back(network());
    if (maybe()) out.lanes = 1 + below(64);
    out.offloads = {maybe(), maybe(), maybe()};
    if (maybe()) out.limits.peers = 100 + below(1000000);
    if (maybe()) out.limits.handshakes_per_second = 1 + below(10000);
    if (maybe()) out.limits.staged_packets = 1 + below(4096);
    if (maybe()) out.limits.socket_buffer = 65536 + below(1000000);
    if (maybe()) out.aead = "backend \"\\" + word_text();
    out.observe = {maybe() ? "127.0.0.1:" + std::to_string(1 + below(65535)) : "", maybe(), maybe(), {}};
    for (unsigned n = below(3); n > 0; --n) out.observe.event_hooks.push_back(command());
    if (maybe()) out.public_endpoint = endpoint();
    for (PeerConfig& peer : out.peers) {
      for (unsigned n = below(3); n > 0; --n) peer.endpoints.push_back(endpoint());
      if (maybe()) peer.expires = UnixTime{static_cast<std::int64_t>(word()), maybe() ? below(1000000000) : 0};
      peer.enabled = maybe();
    }
  }

 private:
  unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  bool maybe() { return below(2) == 0; }
  std::uint32_t word() { return static_cast<std::uint32_t>(random_()); }
  std::string word_text() { return std::to_string(word()); }

  template <class Octets>
  void fill(Octets&& octets) {
    for (auto& octet : octets) octet = static_cast<std::uint8_t>(random_());
  }

  IpAddress address() {
    IpAddress out{.family = maybe() ? Family::v4 : Family::v6, .octets = {}};
    for (std::size_t i = 0; i < out.bytes().size(); ++i) out.octets[i] = static_cast<std::uint8_t>(random_());
    return out;
  }

  /// Never seen before, so that no two peers want the same.
  Prefix network() {
    for (;;) {
      const IpAddress a = address();
      const Prefix p = masked({a, static_cast<std::uint8_t>(8 + below(address_bits(a.family) - 7u))});
      if (networks_.insert(p).second) return p;
    }
  }

  std::string host() { return "h" + word_text() + ".example"; }

  HostPort endpoint() {
    const IpAddress a = address();
    return {maybe() ? host() : to_string(a), static_cast<std::uint16_t>(1 + below(65535))};
  }

  std::string command() {
    constexpr std::string_view kOdd[] = {
        "\"quoted\" 'twice'", "back\\slash\\", "tab\tinside", "\xc3\xa4\xe2\x82\xac", "%i", "a = [b]"};
    return "run " + std::string(kOdd[below(6)]) + ' ' + word_text();
  }

  PeerConfig peer() {
    constexpr std::string_view kOdd[] = {"Anna's phone", "\xc3\x9cml\xc3\xa4ut", "a.b-c_d", "q\"uote", "back\\slash"};
    PeerConfig out;
    out.name = std::string(kOdd[below(5)]) + word_text();
    fill(out.public_key.octets);
    if (maybe()) fill(out.preshared_key.secret.bytes());
    if (maybe()) out.endpoints.push_back(endpoint());
    for (unsigned n = below(8); n > 0; --n) out.allowed_ips.push_back(network());
    out.persistent_keepalive = std::chrono::seconds(maybe() ? below(65536) : 0);
    return out;
  }

  std::mt19937_64 random_;
  std::set<Prefix> networks_;
};

}  // namespace culvert::config::test
