// SPDX-License-Identifier: MIT
#include "wg_quick_write.hpp"

#include "secret_builder.hpp"
#include "values.hpp"

namespace culvert::config {
namespace {

class Writer {
 public:
  WgQuickText run(const Config& config) {
    put_interface(config);
    note_sections(config);
    for (const PeerConfig& peer : config.peers) put_peer(peer);
    return {out_.take(), std::move(left_out_)};
  }

 private:
  void line(std::string_view key, std::string_view value) { out_.put(key).put(" = ").put(value).put("\n"); }

  void secret(std::string_view key, const Secret<32>& value) {
    if (!value.is_zero()) out_.put(key).put(" = ").put_base64(value.bytes()).put("\n");
  }

  template <class T>
  static std::string joined(const std::vector<T>& values) {
    std::string out;
    for (const T& value : values) out += (out.empty() ? "" : ", ") + to_string(value);
    return out;
  }

  /// A comment cannot be kept out of a command: wg-quick cuts every line at its first '#'.
  void commands(std::string_view key, const std::vector<std::string>& values) {
    for (const std::string& value : values) {
      if (value.find('#') == std::string::npos)
        line(key, value);
      else
        left_out_.push_back(std::string(key) + " with a '#' in it, at which wg-quick cuts: " + excerpt(value));
    }
  }

  void put_interface(const Config& config) {
    out_.put("[Interface]\n");
    secret("PrivateKey", config.private_key.secret);
    if (!config.addresses.empty()) line("Address", joined(config.addresses));
    if (config.listen_port != 0) line("ListenPort", std::to_string(unsigned{config.listen_port}));
    if (config.fwmark) line("FwMark", *config.fwmark == 0 ? "off" : std::to_string(*config.fwmark));
    if (config.mtu) line("MTU", std::to_string(*config.mtu));
    std::string dns = joined(config.dns.servers);
    for (const std::string& domain : config.dns.search)
      if (!is_every_name(domain)) dns += (dns.empty() ? "" : ", ") + domain;
    if (!dns.empty()) line("DNS", dns);
    if (config.table != RoutingTable{}) line("Table", to_string(config.table));
    if (config.save_config) line("SaveConfig", "true");
    commands("PreUp", config.hooks.pre_up);
    commands("PostUp", config.hooks.post_up);
    commands("PreDown", config.hooks.pre_down);
    commands("PostDown", config.hooks.post_down);
  }

  void note_sections(const Config& config) {
    const auto note = [this](bool differs, std::string_view what) {
      if (differs) left_out_.emplace_back(what);
    };
    note(config.firewall.kill_switch, "the kill switch: this file does not protect against leaks");
    note(config.gateway.enabled, "the gateway's forwarding and masquerading");
    note(!config.pool.prefixes.empty(), "the address pool");
    const auto& search = config.dns.search;
    note(!config.dns.servers.empty() && !search.empty() && std::none_of(search.begin(), search.end(), is_every_name),
         "that only names in the search domains are asked of the servers: wg-quick has all of them asked there");
    note(config.dns.backend != DnsBackend::automatic, "how the system is told about DNS");
    note(config.lanes || !config.aead.empty() || config.offloads != OffloadConfig{}, "lanes, AEAD and offloads");
    note(config.limits != LimitsConfig{}, "limits");
    note(config.observe != ObserveConfig{}, "metrics and diagnosis");
    note(config.public_endpoint.has_value(), "the public endpoint");
  }

  void put_peer(const PeerConfig& peer) {
    if (!peer.enabled) {
      left_out_.push_back("peer " + peer.name + ": it is disabled");
      return;
    }
    out_.put("\n[Peer]\n");
    if (peer.name != default_peer_name(peer.public_key)) out_.put("# friendly_name = ").put(peer.name).put("\n");
    line("PublicKey", to_base64(peer.public_key));
    secret("PresharedKey", peer.preshared_key.secret);
    if (!peer.allowed_ips.empty()) line("AllowedIPs", joined(peer.allowed_ips));
    if (!peer.endpoints.empty()) line("Endpoint", to_string(peer.endpoints.front()));
    if (peer.endpoints.size() > 1) left_out_.push_back("peer " + peer.name + ": all but the first of its endpoints");
    if (peer.persistent_keepalive.count() != 0)
      line("PersistentKeepalive", std::to_string(peer.persistent_keepalive.count()));
    if (peer.expires) left_out_.push_back("peer " + peer.name + ": it expires at " + to_string(*peer.expires));
  }

  SecretBuilder out_;
  std::vector<std::string> left_out_;
};

}  // namespace

WgQuickText to_wg_quick(const Config& config) { return Writer().run(config); }

}  // namespace culvert::config
