// SPDX-License-Identifier: MIT
// The keys of a configuration file: one table, from which come the reader's "unknown key" suggestions and the manual
// page culvert.toml(5).
//
// A tunnel is described by `/etc/culvert/NAME.toml`, where NAME becomes the interface's, and by the files in the folder
// `/etc/culvert/NAME.d/`, whose names end in `.toml`, in the order of their names. All of it, with a value for each
// key:
//
//     [interface]
//     private_key = "…44 characters…"       # or private_key_file = "wg0.key", or private_key_credential = "wg0"
//     addresses = ["10.0.0.1/24", "fd00::1/64"]
//     listen_port = 51820                    # nothing said: any free port
//     mtu = 1420                             # nothing said: from the route to the endpoints
//     table = "auto"                         # of the routes to peers: "auto", "off", or a number
//     fwmark = 0xca6c                        # nothing said: chosen where the routes need one
//     lanes = 4                              # nothing said: one
//     aead = "libsodium"                     # nothing said: the fastest
//     public_endpoint = "gw.example.org:51820"
//     save_config = false
//
//     [dns]
//     servers = ["10.0.0.53"]
//     search = ["corp.example"]
//     backend = "auto"                       # or "resolved", "resolvconf", "file"
//
//     [firewall]
//     kill_switch = true
//     allow_lan = true
//
//     [gateway]                              # the section alone turns forwarding on
//     enabled = true
//     masquerade = true
//     outside_interface = "eth0"
//     allowed_subnets = ["192.168.7.0/24"]
//
//     [pool]
//     prefixes = ["10.0.0.0/24", "fd00::/64"]
//
//     [offloads]
//     vnet = true
//     gso = true
//     gro = true
//
//     [limits]                               # nothing said: as shown
//     peers = 1048576                        # also those that `wg` adds
//     handshakes_per_second = 20             # of one address, under load
//     staged_packets = 128                   # of one peer, while there is no session
//     socket_buffer = 7340032                # octets
//
//     [hooks]
//     post_up = ["logger '%i is up'"]        # also pre_up, pre_down, post_down
//
//     [observe]
//     metrics_listen = "127.0.0.1:9586"
//     metrics_compatible_names = false
//     key_log = false
//     event_hooks = ["/usr/local/bin/on-tunnel-event"]
//
//     [[peer]]
//     name = "alice"
//     public_key = "…44 characters…"
//     preshared_key = "…44 characters…"      # or preshared_key_file, or preshared_key_credential
//     endpoint = "alice.example.org:51820"   # or a list, tried in turn; nothing said: the peer calls
//     allowed_ips = ["10.0.0.2/32", "192.168.8.0/24"]
//     persistent_keepalive = 25              # seconds, or "off"
//     expires = 2026-12-31                   # from 00:00 UTC of that day on; also 2026-12-31T18:00:00Z
//     enabled = true
//
// A file in the folder holds either `[[peer]]` tables, or the keys of one peer alone without a header; then the file's
// name, without `.toml`, is the peer's name unless `name` says another. Lists of one may be written without brackets.
// File names of keys are relative to the file that names them. A file that holds a key, and a key's own file, must not
// be readable by others. Keys stand in quotes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace culvert::config {

enum class Section : std::uint8_t { interface, dns, firewall, gateway, pool, offloads, limits, hooks, observe, peer };

struct KeyInfo {
  Section section;
  std::string_view key;
  std::string_view type;     // "text", "number", "switch", "list of addresses", ...
  std::string_view range;    // what is allowed
  std::string_view meaning;  // one line, without a full stop
};

struct SectionInfo {
  Section section;
  std::string_view name;  // as in the file; `peer` is a list of tables: [[peer]]
  std::string_view meaning;
};

/// All keys, sections in the order of `Section`.
[[nodiscard]] std::span<const KeyInfo> schema_keys() noexcept;
/// All sections, in the order of `Section`.
[[nodiscard]] std::span<const SectionInfo> schema_sections() noexcept;
/// The name of a section in the file.
[[nodiscard]] std::string_view section_name(Section section) noexcept;

/// What to do about a key that `section` does not have: "did you mean listen_port?", "it belongs in [dns]", or which
/// keys exist.
[[nodiscard]] std::string unknown_key_advice(Section section, std::string_view key);
/// The same for a section's name; `key_advice` also for a key that stands outside of all sections.
[[nodiscard]] std::string unknown_section_advice(std::string_view name);
/// The nearest of some words by edit distance, without regard to case and underscores; nullopt: none is near.
[[nodiscard]] std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> known);

}  // namespace culvert::config
