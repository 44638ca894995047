// SPDX-License-Identifier: MIT
#include "write.hpp"

#include <array>
#include <cstdio>

#include <culvert/printable.hpp>

#include "schema.hpp"
#include "secret_builder.hpp"
#include "values.hpp"

namespace culvert::config {
namespace {

constexpr std::size_t kLongestLine = 100;  // longer lists get a line for each item

std::string shown(const std::string& value) { return quoted(value); }
std::string shown(const HostPort& value) { return quoted(to_string(value)); }
std::string shown(const IpAddress& value) { return quoted(to_string(value)); }
std::string shown(const Prefix& value) { return quoted(to_string(value)); }

/// Lines of one table; its header comes with the first of them.
class Table {
 public:
  Table(SecretBuilder& out, std::string header) : out_(out), header_(std::move(header)) {}

  void line(std::string_view key, std::string_view value) {
    begin();
    out_.put(key).put(" = ").put(value).put("\n");
  }
  void text(std::string_view key, const std::string& value) {
    if (!value.empty()) line(key, quoted(value));
  }
  void flag(std::string_view key, bool value, bool usual) {
    if (value != usual) line(key, value ? "true" : "false");
  }
  template <class Integer>
  void number(std::string_view key, const std::optional<Integer>& value) {
    if (value) line(key, std::to_string(*value));
  }
  void secret(std::string_view key, const Secret<32>& value) {
    if (value.is_zero()) return;
    begin();
    out_.put(key).put(" = \"").put_base64(value.bytes()).put("\"\n");
  }
  template <class T>
  void list(std::string_view key, const std::vector<T>& values) {
    if (values.empty()) return;
    std::string one_line;
    for (const T& value : values) one_line += (one_line.empty() ? "" : ", ") + shown(value);
    if (key.size() + one_line.size() + 5 <= kLongestLine) return line(key, '[' + one_line + ']');
    std::string lines = "[\n";
    for (const T& value : values) lines += "  " + shown(value) + ",\n";
    line(key, lines + ']');
  }
  /// The header at least.
  void begin() {
    if (header_.empty()) return;
    if (!out_.empty()) out_.put("\n");
    out_.put(std::exchange(header_, {})).put("\n");
  }

 private:
  SecretBuilder& out_;
  std::string header_;  // empty: written
};

Table table_of(SecretBuilder& out, Section section) { return {out, '[' + std::string(section_name(section)) + ']'}; }

void put_interface(SecretBuilder& out, const Config& config) {
  Table table = table_of(out, Section::interface);
  table.begin();
  table.secret("private_key", config.private_key.secret);
  table.list("addresses", config.addresses);
  if (config.listen_port != 0) table.number("listen_port", std::optional(unsigned{config.listen_port}));
  table.number("mtu", config.mtu);
  if (config.table.kind == RoutingTable::Kind::number)
    table.number("table", std::optional(config.table.number));
  else if (config.table.kind == RoutingTable::Kind::off)
    table.text("table", to_string(config.table));
  table.number("fwmark", config.fwmark);
  table.number("lanes", config.lanes);
  table.text("aead", config.aead);
  if (config.public_endpoint) table.text("public_endpoint", to_string(*config.public_endpoint));
  table.flag("save_config", config.save_config, false);
}

void put_sections(SecretBuilder& out, const Config& config) {
  Table dns = table_of(out, Section::dns);
  dns.list("servers", config.dns.servers);
  dns.list("search", config.dns.search);
  if (config.dns.backend != DnsBackend::automatic) dns.text("backend", std::string(to_string(config.dns.backend)));

  Table firewall = table_of(out, Section::firewall);
  firewall.flag("kill_switch", config.firewall.kill_switch, false);
  firewall.flag("allow_lan", config.firewall.allow_lan, false);

  if (config.gateway != GatewayConfig{}) {
    Table gateway = table_of(out, Section::gateway);
    gateway.line("enabled", config.gateway.enabled ? "true" : "false");
    gateway.flag("masquerade", config.gateway.masquerade, false);
    gateway.text("outside_interface", config.gateway.outside_interface);
    gateway.list("allowed_subnets", config.gateway.allowed_subnets);
  }
  table_of(out, Section::pool).list("prefixes", config.pool.prefixes);

  Table offloads = table_of(out, Section::offloads);
  offloads.flag("vnet", config.offloads.vnet, true);
  offloads.flag("gso", config.offloads.gso, true);
  offloads.flag("gro", config.offloads.gro, true);

  Table limits = table_of(out, Section::limits);
  limits.number("peers", config.limits.peers);
  limits.number("handshakes_per_second", config.limits.handshakes_per_second);
  limits.number("staged_packets", config.limits.staged_packets);
  limits.number("socket_buffer", config.limits.socket_buffer);

  Table hooks = table_of(out, Section::hooks);
  hooks.list("pre_up", config.hooks.pre_up);
  hooks.list("post_up", config.hooks.post_up);
  hooks.list("pre_down", config.hooks.pre_down);
  hooks.list("post_down", config.hooks.post_down);

  Table observe = table_of(out, Section::observe);
  observe.text("metrics_listen", config.observe.metrics_listen);
  observe.flag("metrics_compatible_names", config.observe.metrics_compatible_names, false);
  observe.flag("key_log", config.observe.key_log, false);
  observe.list("event_hooks", config.observe.event_hooks);
}

void put_peer(Table table, const PeerConfig& peer) {
  table.begin();
  table.text("name", peer.name);
  table.text("public_key", to_base64(peer.public_key));
  table.secret("preshared_key", peer.preshared_key.secret);
  if (peer.endpoints.size() == 1)
    table.text("endpoint", to_string(peer.endpoints.front()));
  else
    table.list("endpoint", peer.endpoints);
  table.list("allowed_ips", peer.allowed_ips);
  if (peer.persistent_keepalive.count() != 0)
    table.number("persistent_keepalive", std::optional(peer.persistent_keepalive.count()));
  if (peer.expires) table.line("expires", to_string(*peer.expires));
  table.flag("enabled", peer.enabled, true);
}

constexpr std::string_view kPeerHeader = "[[peer]]";

}  // namespace

std::string quoted(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const auto [code, length] = first_character(text);
    if (length == 0) {
      out += "\xef\xbf\xbd";
    } else if (code == '"' || code == '\\') {
      out += '\\';
      out += text.front();
    } else if (is_control(code)) {
      std::array<char, 16> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04X", static_cast<unsigned>(code));
      out += escape.data();
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out + '"';
}

SecretText to_toml(const Config& config) {
  SecretBuilder out;
  put_interface(out, config);
  put_sections(out, config);
  for (const PeerConfig& peer : config.peers) put_peer(Table(out, std::string(kPeerHeader)), peer);
  return out.take();
}

SecretText to_toml(const PeerConfig& peer) {
  SecretBuilder out;
  put_peer(Table(out, {}), peer);
  return out.take();
}

SecretText to_toml_table(const PeerConfig& peer) {
  SecretBuilder out;
  put_peer(Table(out, std::string(kPeerHeader)), peer);
  return out.take();
}

}  // namespace culvert::config
