// SPDX-License-Identifier: MIT
#include "toml_read.hpp"

#include "interface_name.hpp"

namespace culvert::config {
namespace {

using namespace std::string_literals;

Parsed<IpAddress> parse_server(std::string_view text) {
  const auto address = parse_address(text);
  if (!address) return Err{"not an IP address; a resolver is named by number, such as 10.0.0.53"s};
  return *address;
}

Parsed<std::string> parse_domain(std::string_view text) {
  if (!is_search_domain(text)) return Err{"not a domain; write one such as corp.example"s};
  return std::string(text);
}

Parsed<DnsBackend> parse_backend(std::string_view text) {
  for (const DnsBackend backend :
       {DnsBackend::automatic, DnsBackend::resolved, DnsBackend::resolvconf, DnsBackend::file})
    if (text == to_string(backend)) return backend;
  return Err{"not a way to tell the system; write \"auto\", \"resolved\", \"resolvconf\" or \"file\""s};
}

Parsed<std::string> parse_interface(std::string_view text) {
  if (!io::is_interface_name(text))
    return Err{"not the name of an interface; those are "s.append(io::kInterfaceNameRule)};
  return std::string(text);
}

Parsed<std::string> parse_listen(std::string_view text) {
  if (!is_listen_address(text))
    return Err{"not an address to listen on; write 127.0.0.1:9586, [::1]:9586 or unix:/path"s};
  return std::string(text);
}

Parsed<std::string> parse_command(std::string_view text) {
  if (trimmed(text).empty()) return Err{"an empty command; remove it"s};
  if (text.find_first_of(std::string_view("\n\r\0", 3)) != std::string_view::npos) return Err{"a command is one line"s};
  return std::string(text);
}

Parsed<std::string> parse_name(std::string_view text) {
  if (!is_peer_name(text))
    return Err{"not a name; write 1 to 64 characters without '/', not starting with a dot, and no key"s};
  return std::string(text);
}

/// Networks whose host bits must be zero; others are taken, and told of.
void networks(TomlSection& section, std::string_view key, std::vector<Prefix>& out) {
  section.parsed_list(key, out, parse_network);
  const TomlEntry* entry = section.find(key);
  for (Prefix& prefix : out) {
    if (masked(prefix) == prefix) continue;
    const auto written = [&prefix](const TomlValue& item) {
      const auto parsed = parse_network(item.text);
      return parsed && *parsed == prefix;
    };
    const auto& items = entry->value.items;
    const auto item = std::find_if(items.begin(), items.end(), written);
    section.warn(*entry, item == items.end() ? entry->value : *item,
                 "it has bits behind its length; taken as " + to_string(masked(prefix)));
    prefix = masked(prefix);
  }
}

void read_interface(TomlSection section, Config& out) {
  section.secret("private_key", out.private_key.secret.bytes());
  section.parsed_list("addresses", out.addresses, parse_network);
  std::optional<std::uint32_t> port;
  section.number("listen_port", 0, 65535, port);
  out.listen_port = static_cast<std::uint16_t>(port.value_or(0));
  section.number("mtu", 576, 65535, out.mtu);
  section.parsed("table", out.table, parse_table);
  if (section.find("fwmark") != nullptr) {
    std::uint32_t mark = 0;
    section.parsed("fwmark", mark, parse_mark);
    out.fwmark = mark;
  }
  section.number("lanes", 1, 64, out.lanes);
  section.text("aead", out.aead);
  if (section.find("public_endpoint") != nullptr) {
    HostPort endpoint;
    section.parsed("public_endpoint", endpoint, parse_host_port);
    out.public_endpoint = std::move(endpoint);
  }
  section.flag("save_config", out.save_config);
  section.finish();
}

void read_dns(TomlSection section, DnsConfig& out) {
  section.parsed_list("servers", out.servers, parse_server);
  section.parsed_list("search", out.search, parse_domain);
  section.parsed("backend", out.backend, parse_backend);
  section.finish();
}

void read_firewall(TomlSection section, FirewallConfig& out) {
  section.flag("kill_switch", out.kill_switch);
  section.flag("allow_lan", out.allow_lan);
  section.finish();
}

void read_gateway(TomlSection section, GatewayConfig& out) {
  out.enabled = true;
  section.flag("enabled", out.enabled);
  section.flag("masquerade", out.masquerade);
  section.parsed("outside_interface", out.outside_interface, parse_interface);
  networks(section, "allowed_subnets", out.allowed_subnets);
  section.finish();
}

void read_pool(TomlSection section, PoolConfig& out) {
  networks(section, "prefixes", out.prefixes);
  section.finish();
}

void read_offloads(TomlSection section, OffloadConfig& out) {
  section.flag("vnet", out.vnet);
  section.flag("gso", out.gso);
  section.flag("gro", out.gro);
  section.finish();
}

void read_limits(TomlSection section, LimitsConfig& out) {
  section.number("peers", 1, 1u << 20, out.peers);
  section.number("handshakes_per_second", 1, 10'000, out.handshakes_per_second);
  section.number("staged_packets", 1, 4096, out.staged_packets);
  section.number("socket_buffer", 64u << 10, 64u << 20, out.socket_buffer);
  section.finish();
}

void read_hooks(TomlSection section, HookConfig& out) {
  section.parsed_list("pre_up", out.pre_up, parse_command);
  section.parsed_list("post_up", out.post_up, parse_command);
  section.parsed_list("pre_down", out.pre_down, parse_command);
  section.parsed_list("post_down", out.post_down, parse_command);
  section.finish();
}

void read_observe(TomlSection section, ObserveConfig& out) {
  section.parsed("metrics_listen", out.metrics_listen, parse_listen);
  section.flag("metrics_compatible_names", out.metrics_compatible_names);
  section.flag("key_log", out.key_log);
  section.parsed_list("event_hooks", out.event_hooks, parse_command);
  section.finish();
}

void read_section(Section which, TomlSection section, Config& out) {
  switch (which) {
    case Section::interface:
      return read_interface(std::move(section), out);
    case Section::dns:
      return read_dns(std::move(section), out.dns);
    case Section::firewall:
      return read_firewall(std::move(section), out.firewall);
    case Section::gateway:
      return read_gateway(std::move(section), out.gateway);
    case Section::pool:
      return read_pool(std::move(section), out.pool);
    case Section::offloads:
      return read_offloads(std::move(section), out.offloads);
    case Section::limits:
      return read_limits(std::move(section), out.limits);
    case Section::hooks:
      return read_hooks(std::move(section), out.hooks);
    case Section::observe:
      return read_observe(std::move(section), out.observe);
    case Section::peer:
      return;
  }
}

}  // namespace

void read_sections(const TomlValue& root, FileReading& reading, Config& out) {
  for (const TomlEntry& entry : root.entries) {
    const auto sections = schema_sections();
    const auto info = std::find_if(sections.begin(), sections.end(),
                                   [&](const SectionInfo& known) { return known.name == entry.key; });
    if (info != sections.end() && info->section == Section::peer) continue;
    if (info != sections.end() && entry.value.kind == TomlValue::Kind::table) {
      read_section(info->section, TomlSection(entry.value, info->section, entry.key + '.', reading), out);
      continue;
    }
    Finding& finding = reading.findings.emplace_back();
    finding.place = {reading.file, entry.line, entry.column};
    finding.key = printable_key(entry.key);
    finding.reason = info == sections.end() ? unknown_section_advice(entry.key)
                                            : "this is a section; write [" + entry.key + "] in single brackets, once";
  }
}

void read_peer(const TomlValue& table, std::string prefix, FileReading& reading, PeerConfig& out) {
  TomlSection section(table, Section::peer, std::move(prefix), reading);
  out.place = section.place();
  section.parsed("name", out.name, parse_name);
  if (section.find("public_key") != nullptr) {
    section.parsed("public_key", out.public_key, parse_public);
  } else {
    Finding& finding = reading.findings.emplace_back();
    finding.place = section.place();
    finding.key = section.prefix() + "public_key";
    finding.reason = "missing; every peer has one, which its owner shows with: culvert pubkey";
  }
  section.secret("preshared_key", out.preshared_key.secret.bytes());
  section.parsed_list("endpoint", out.endpoints, parse_host_port);
  networks(section, "allowed_ips", out.allowed_ips);
  section.parsed("persistent_keepalive", out.persistent_keepalive, parse_keepalive);
  if (section.find("expires") != nullptr) {
    UnixTime expires;
    section.parsed("expires", expires, parse_expiry);
    out.expires = expires;
  }
  section.flag("enabled", out.enabled);
  section.finish();
}

}  // namespace culvert::config
