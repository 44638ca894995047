// SPDX-License-Identifier: MIT
// What one interface is to be, as values: read from TOML (`load.hpp`) or from a wg-quick file (`wg_quick.hpp`), looked
// over by `check.hpp`, written by `write.hpp`. Nothing here opens a socket or asks the host.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <culvert/address.hpp>
#include <culvert/keys.hpp>
#include <culvert/time.hpp>

namespace culvert::config {

/// Where something stands in a file. Lines and columns count from 1; 0: the file as a whole.
struct Place {
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;

  friend bool operator==(const Place&, const Place&) = default;
};

/// Where a peer is reached: a numeric address, or a name to be resolved.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;

  friend auto operator<=>(const HostPort&, const HostPort&) = default;
};

struct PeerConfig {
  std::string name;  // unique in the interface; the first characters of the key where the file gives none
  PublicKey public_key;
  PresharedKey preshared_key;                    // all zero: none
  std::vector<HostPort> endpoints;               // tried in turn; empty: the peer calls
  std::vector<Prefix> allowed_ips;               // host bits are zero
  std::chrono::seconds persistent_keepalive{0};  // 0: off
  std::optional<UnixTime> expires;
  bool enabled = true;
  Place place;

  /// Refused at this time because of its date. Says nothing of `enabled`.
  [[nodiscard]] bool expired_at(UnixTime now) const noexcept { return expires && *expires <= now; }
};

enum class DnsBackend : std::uint8_t { automatic, resolved, resolvconf, file };

struct DnsConfig {
  std::vector<IpAddress> servers;
  std::vector<std::string> search;
  DnsBackend backend = DnsBackend::automatic;

  friend bool operator==(const DnsConfig&, const DnsConfig&) = default;
};

/// Which routes are made for the peers' allowed IPs.
struct RoutingTable {
  enum class Kind : std::uint8_t { automatic, off, number } kind = Kind::automatic;
  std::uint32_t number = 0;

  friend bool operator==(const RoutingTable&, const RoutingTable&) = default;
};

struct FirewallConfig {
  bool kill_switch = false;  // nothing outside the tunnel but the tunnel itself
  bool allow_lan = false;    // with the kill switch: private networks that the host is directly in

  friend bool operator==(const FirewallConfig&, const FirewallConfig&) = default;
};

struct GatewayConfig {
  bool enabled = false;
  bool masquerade = false;
  std::string outside_interface;        // masquerade only behind this one; empty: behind any but the tunnel
  std::vector<Prefix> allowed_subnets;  // to which peers may go; empty: anywhere

  friend bool operator==(const GatewayConfig&, const GatewayConfig&) = default;
};

/// A range from which `culvert peer add` takes the next free addresses.
struct PoolConfig {
  std::vector<Prefix> prefixes;  // host bits are zero

  friend bool operator==(const PoolConfig&, const PoolConfig&) = default;
};

struct OffloadConfig {
  bool vnet = true, gso = true, gro = true;

  friend bool operator==(const OffloadConfig&, const OffloadConfig&) = default;
};

/// Bounds of the daemon. nullopt: as usual.
struct LimitsConfig {
  std::optional<std::uint32_t> peers;                  // also those that `wg` adds
  std::optional<std::uint32_t> handshakes_per_second;  // under load, of one address
  std::optional<std::uint32_t> staged_packets;         // of one peer, while there is no session
  std::optional<std::uint32_t> socket_buffer;          // octets, of each UDP socket that data comes by, each way

  friend bool operator==(const LimitsConfig&, const LimitsConfig&) = default;
};

/// Commands of wg-quick files, run by the host half with "%i" replaced. In order.
struct HookConfig {
  std::vector<std::string> pre_up, post_up, pre_down, post_down;

  friend bool operator==(const HookConfig&, const HookConfig&) = default;
};

/// Sources of diagnosis, all off unless said.
struct ObserveConfig {
  std::string metrics_listen;             // "127.0.0.1:9586", "[::1]:9586", "unix:/path"; empty: off
  bool metrics_compatible_names = false;  // the second set of names as well (see `metrics_format.hpp`)
  bool key_log = false;                   // `culvert capture` may write session keys
  std::vector<std::string> event_hooks;   // programs that are run for each event

  friend bool operator==(const ObserveConfig&, const ObserveConfig&) = default;
};

struct Config {
  std::string name;  // of the interface, from the file's name
  Place place;

  PrivateKey private_key;
  std::vector<Prefix> addresses;        // host bits are kept: "10.0.0.2/24"
  std::uint16_t listen_port = 0;        // 0: any
  std::optional<std::uint32_t> fwmark;  // nullopt: chosen where the routes need one
  std::optional<std::uint32_t> mtu;     // nullopt: from the route to the endpoints
  DnsConfig dns;
  RoutingTable table;
  FirewallConfig firewall;
  GatewayConfig gateway;
  PoolConfig pool;
  std::optional<std::uint32_t> lanes;
  OffloadConfig offloads;
  LimitsConfig limits;
  std::string aead;  // the backend's name; empty: the fastest
  HookConfig hooks;
  ObserveConfig observe;
  bool save_config = false;                 // wg-quick's SaveConfig
  std::optional<HostPort> public_endpoint;  // of a gateway: what `culvert peer add` writes into clients' files
  std::vector<PeerConfig> peers;

  /// Some allowed IPs hold a whole family, so that routes take all traffic of it.
  [[nodiscard]] bool full_tunnel(Family family) const noexcept;
};

/// One finding about a file. Errors keep the configuration from being used; warnings do not.
struct Finding {
  enum class Grade : std::uint8_t { warning, error } grade = Grade::error;
  Place place;
  std::string key;     // dotted, such as "interface.listen_port" or "peer[2].public_key"
  std::string value;   // as written; empty for secrets
  std::string reason;  // one sentence, with what to do about it

  /// "/etc/culvert/wg0.toml:7:15: error: interface.listen_port = 70000: not a port from 0 to 65535"
  [[nodiscard]] std::string message() const;
};

/// "gw.example.org:51820", "192.0.2.1:51820", "[2001:db8::1]:51820": as it stands in a file.
[[nodiscard]] std::string to_string(const HostPort& endpoint);
/// "auto", "off" or the number, as it stands in a file.
[[nodiscard]] std::string to_string(const RoutingTable& table);
/// "auto", "resolved", "resolvconf", "file".
[[nodiscard]] std::string_view to_string(DnsBackend backend) noexcept;

}  // namespace culvert::config
