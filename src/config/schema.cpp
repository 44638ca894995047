// SPDX-License-Identifier: MIT
#include "schema.hpp"

#include <algorithm>
#include <vector>

namespace culvert::config {
namespace {

using enum Section;

constexpr SectionInfo kSections[] = {
    {interface, "interface", "The tunnel's own key, addresses and port"},
    {dns, "dns", "Which resolvers are asked while the tunnel is up"},
    {firewall, "firewall", "What may pass outside of the tunnel"},
    {gateway, "gateway", "Forwarding for peers; the section alone turns it on"},
    {pool, "pool", "From where `culvert peer add` takes addresses"},
    {offloads, "offloads", "Kernel offloads that may be used where they work"},
    {limits, "limits", "Bounds of the daemon; each has a value that suits most"},
    {hooks, "hooks", "Commands that are run around up and down, with %i for the interface"},
    {observe, "observe", "Metrics and diagnosis"},
    {peer, "peer", "Another end of the tunnel; one table for each"},
};

constexpr KeyInfo kKeys[] = {
    {interface, "private_key", "key", "44 characters of base64", "The interface's private key"},
    {interface, "private_key_file", "path", "a file that only its owner reads", "A file that holds the private key"},
    {interface, "private_key_credential", "text", "a name", "A systemd credential that holds the private key"},
    {interface, "addresses", "list of addresses", "ADDRESS/LENGTH", "The interface's own addresses"},
    {interface, "listen_port", "number", "0 to 65535", "UDP port on which peers reach this end; 0: any"},
    {interface, "mtu", "number", "576 to 65535", "Largest packet inside; by default from the route to the endpoints"},
    {interface, "table", "text or number", "\"auto\", \"off\", 1 to 4294967295", "Where the routes to peers go"},
    {interface, "fwmark", "number", "0 to 4294967295, or \"off\"", "Mark on the tunnel's own datagrams"},
    {interface, "lanes", "number", "1 to 64", "Threads that move packets; by default one"},
    {interface, "aead", "text", "a backend's name", "Which implementation seals packets; by default the fastest"},
    {interface, "public_endpoint", "text", "HOST:PORT", "Where clients reach this gateway; written into their files"},
    {interface, "save_config", "switch", "true, false",
     "In a file of wg-quick (SaveConfig): at down, write the running peers back"},
    {dns, "servers", "list of addresses", "ADDRESS", "Resolvers to ask"},
    {dns, "search", "list of names", "DOMAIN, ~DOMAIN, ~.",
     "Search domains; in a tunnel of some networks only names in them are asked of the servers, unless ~. is there"},
    {dns, "backend", "text", "\"auto\", \"resolved\", \"resolvconf\", \"file\"", "How the system is told"},
    {firewall, "kill_switch", "switch", "true, false", "Nothing leaves the host but through the tunnel"},
    {firewall, "allow_lan", "switch", "true, false", "With the kill switch: the local network stays reachable"},
    {gateway, "enabled", "switch", "true, false", "Forward packets between peers and the other interfaces"},
    {gateway, "masquerade", "switch", "true, false", "Peers leave with the gateway's own address"},
    {gateway, "outside_interface", "text", "an interface", "Masquerade behind this one only"},
    {gateway, "allowed_subnets", "list of addresses", "ADDRESS/LENGTH",
     "To which peers may go; nothing said: anywhere"},
    {pool, "prefixes", "list of addresses", "ADDRESS/LENGTH", "Ranges from which new peers get their addresses"},
    {offloads, "vnet", "switch", "true, false", "Super-packets inside (IFF_VNET_HDR, TSO, USO)"},
    {offloads, "gso", "switch", "true, false", "Many packets in one send (UDP_SEGMENT)"},
    {offloads, "gro", "switch", "true, false", "Many packets in one receive (UDP_GRO)"},
    {limits, "peers", "number", "1 to 1048576", "How many peers there may be, those that wg adds too"},
    {limits, "handshakes_per_second", "number", "1 to 10000, usually 20",
     "Under load: from one address; raise it where many peers share one, behind a NAT"},
    {limits, "staged_packets", "number", "1 to 4096, usually 128",
     "Packets of one peer that wait while a session is made"},
    {limits, "socket_buffer", "number", "65536 to 67108864 octets, usually 7340032",
     "What each UDP socket may hold before packets are lost; raise it on fast and distant links"},
    {hooks, "pre_up", "list of commands", "shell", "Before the interface is set up"},
    {hooks, "post_up", "list of commands", "shell", "After the interface is up"},
    {hooks, "pre_down", "list of commands", "shell", "Before the interface is taken down"},
    {hooks, "post_down", "list of commands", "shell", "After the interface is gone"},
    {observe, "metrics_listen", "text", "ADDRESS:PORT, unix:/PATH", "Where Prometheus metrics are served"},
    {observe, "metrics_compatible_names", "switch", "true, false", "Also the metrics' names of other exporters"},
    {observe, "key_log", "switch", "true, false", "Allow `culvert capture` to write what opens sessions"},
    {observe, "event_hooks", "list of commands", "path", "Programs that are run for each event"},
    {peer, "name", "text", "1 to 64 characters", "What people call the peer; unique"},
    {peer, "public_key", "key", "44 characters of base64", "The peer's public key"},
    {peer, "preshared_key", "key", "44 characters of base64", "A secret that both ends share besides their keys"},
    {peer, "preshared_key_file", "path", "a file that only its owner reads", "A file that holds the preshared key"},
    {peer, "preshared_key_credential", "text", "a name", "A systemd credential that holds the preshared key"},
    {peer, "endpoint", "text or list", "HOST:PORT", "Where the peer is reached; several are tried in turn"},
    {peer, "allowed_ips", "list of addresses", "ADDRESS/LENGTH",
     "What is behind the peer: sent to it, accepted from it"},
    {peer, "persistent_keepalive", "number", "0 to 65535 s, or \"off\"",
     "Keeps a NAT open when this end is behind one"},
    {peer, "expires", "date", "2026-12-31, or with a time", "From then on the peer is refused"},
    {peer, "enabled", "switch", "true, false", "A peer that is not stays known, and is refused"},
};

/// Lower case, without what people write differently.
std::string normal(std::string_view word) {
  std::string out;
  for (const char c : word) {
    if (c == '_' || c == '-' || c == ' ') continue;
    out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

/// How many letters to replace, insert, remove, or swap with their neighbour (optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::swap(before, above);
    std::swap(above, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0u : 1u);
      row[j] = std::min({replaced, above[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row.back();
}

std::vector<std::string_view> keys_of(Section section) {
  std::vector<std::string_view> keys;
  for (const KeyInfo& info : kKeys)
    if (info.section == section) keys.push_back(info.key);
  return keys;
}

std::string header_of(Section section) {
  const std::string name(section_name(section));
  return section == peer ? "[[" + name + "]]" : '[' + name + ']';
}

/// The section that has this very key, when it is another one.
std::optional<Section> home_of(std::string_view key) {
  for (const KeyInfo& info : kKeys)
    if (normal(info.key) == normal(key)) return info.section;
  return std::nullopt;
}

/// What wg-quick's users and others write for keys of ours.
struct Alias {
  std::string_view written;  // normal
  Section section;
  std::string_view key;
};
constexpr Alias kAliases[] = {
    {"dns", dns, "servers"},
    {"port", interface, "listen_port"},
    {"saveconfig", interface, "save_config"},
    {"keepalive", peer, "persistent_keepalive"},
    {"psk", peer, "preshared_key"},
    {"mark", interface, "fwmark"},
    {"expiry", peer, "expires"},
    {"disabled", peer, "enabled"},
    {"killswitch", firewall, "kill_switch"},
    {"key", interface, "private_key"},
    {"ips", peer, "allowed_ips"},
    {"searchdomains", dns, "search"},
};

}  // namespace

std::span<const KeyInfo> schema_keys() noexcept { return kKeys; }
std::span<const SectionInfo> schema_sections() noexcept { return kSections; }

std::string_view section_name(Section section) noexcept { return kSections[static_cast<std::size_t>(section)].name; }

std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> known) {
  constexpr std::size_t kLongestWord = 64;  // no typo makes a longer word out of a key
  if (word.empty() || word.size() > kLongestWord) return std::nullopt;
  const std::string wanted = normal(word);
  std::optional<std::string_view> best;
  std::size_t best_distance = 0;
  for (const std::string_view candidate : known) {
    const std::size_t d = distance(wanted, normal(candidate));
    if (!best || d < best_distance) {
      best = candidate;
      best_distance = d;
    }
  }
  // A third of the letters may differ; beyond that the words have nothing to do with each other.
  if (best && best_distance <= std::max<std::size_t>(1, wanted.size() / 3)) return best;
  return std::nullopt;
}

std::string unknown_key_advice(Section section, std::string_view key) {
  const std::vector<std::string_view> keys = keys_of(section);
  if (const auto near = nearest(key, keys)) return "unknown key; did you mean " + std::string(*near) + '?';
  if (const auto home = home_of(key); home && *home != section)
    return "this key belongs in " + header_of(*home) + "; move it there";
  for (const Alias& alias : kAliases) {
    if (alias.written != normal(key)) continue;
    if (alias.section == section) return "unknown key; did you mean " + std::string(alias.key) + '?';
    return "unknown key here; write " + std::string(alias.key) + " in " + header_of(alias.section);
  }
  std::string all;
  for (const std::string_view known : keys) all += (all.empty() ? "" : ", ") + std::string(known);
  return "unknown key; " + header_of(section) + " knows " + all;
}

std::string unknown_section_advice(std::string_view name) {
  std::vector<std::string_view> names;
  for (const SectionInfo& info : kSections) names.push_back(info.name);
  if (const auto near = nearest(name, names)) {
    const bool is_peer = *near == section_name(peer);
    return "unknown section; did you mean " + (is_peer ? "[[peer]]" : '[' + std::string(*near) + ']') + '?';
  }
  if (const auto home = home_of(name)) return "this key belongs in " + header_of(*home) + "; move it there";
  for (const Alias& alias : kAliases)
    if (alias.written == normal(name))
      return "unknown here; write " + std::string(alias.key) + " in " + header_of(alias.section);
  std::string all;
  for (const SectionInfo& info : kSections) all += (all.empty() ? "" : ", ") + header_of(info.section);
  return "unknown section; there are " + all;
}

}  // namespace culvert::config
