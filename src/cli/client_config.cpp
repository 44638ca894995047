// SPDX-License-Identifier: MIT
#include "client_config.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "failure.hpp"
#include "files.hpp"
#include "qr.hpp"
#include "secret_builder.hpp"
#include "values.hpp"
#include "wg_quick_write.hpp"
#include "write.hpp"
#include "x25519.hpp"

namespace culvert::cli {
namespace {

// Half of what the shortest-lived NAT mappings in the field last.
constexpr std::chrono::seconds kKeepalive{25};

/// What the client sends into the tunnel.
std::vector<Prefix> reach_of(const config::Config& gateway, ClientOutput::Reach reach) {
  std::vector<Prefix> prefixes;
  switch (reach) {
    case ClientOutput::Reach::everything:
      return {Prefix{{}, 0}, Prefix{{Family::v6, {}}, 0}};
    case ClientOutput::Reach::gateway:
      for (const Prefix& address : gateway.addresses) prefixes.push_back(masked(address));
      prefixes.insert(prefixes.end(), gateway.gateway.allowed_subnets.begin(), gateway.gateway.allowed_subnets.end());
      break;
  }
  std::vector<Prefix> unique;
  for (const Prefix& prefix : prefixes)
    if (std::find(unique.begin(), unique.end(), prefix) == unique.end()) unique.push_back(prefix);
  return unique;
}

bool shows_code(const ClientOutput& client, const Console& console) {
  switch (client.terminal) {
    case ClientOutput::Terminal::qr:
      return true;
    case ClientOutput::Terminal::no_qr:
      return false;
    case ClientOutput::Terminal::automatic:
      return console.output == Console::Kind::terminal && !client.has_file();
  }
  return false;
}

}  // namespace

config::Config client_config(const config::Config& gateway, const config::PeerConfig& peer, const ClientOutput& client,
                             const PrivateKey* key) {
  if (!gateway.public_endpoint)
    throw Failure(
        ExitCode::failed,
        fmt::format("{} does not say where clients reach it; set public_endpoint = \"HOST:{}\" under [interface]",
                    gateway.place.file, gateway.listen_port == 0 ? 51820 : gateway.listen_port));
  config::Config made;
  made.name = gateway.name;
  if (key != nullptr) made.private_key = key->clone();
  made.addresses = own_addresses(peer);
  made.mtu = gateway.mtu;
  for (const std::string& text : client.dns) {
    const auto server = parse_address(config::trimmed(text));
    if (!server)
      throw Failure(ExitCode::usage, fmt::format("--dns {}: not an IPv4 or IPv6 address", config::excerpt(text)));
    made.dns.servers.push_back(*server);
  }
  config::PeerConfig& other = made.peers.emplace_back();
  other.name = "gateway";
  other.public_key = crypto::public_key(gateway.private_key);
  other.preshared_key = peer.preshared_key.clone();
  other.endpoints = {*gateway.public_endpoint};
  other.allowed_ips = reach_of(gateway, client.reach);
  other.persistent_keepalive = kKeepalive;
  return made;
}

SecretText client_text(const config::Config& client, ClientOutput::Form form) {
  config::SecretBuilder text;
  if (client.private_key.secret.is_zero())
    text.put("# The private key is where it was made: add it under [Interface].\n");
  switch (form) {
    case ClientOutput::Form::wg_quick:
      text.put(view_of(config::to_wg_quick(client).text));
      break;
    case ClientOutput::Form::toml:
      text.put(view_of(config::to_toml(client)));
      break;
  }
  return text.take();
}

std::vector<Prefix> own_addresses(const config::PeerConfig& peer) {
  std::vector<Prefix> addresses;
  for (const Prefix& prefix : peer.allowed_ips)
    if (prefix.length == address_bits(prefix.address.family)) addresses.push_back(prefix);
  return addresses;
}

void require_way_out(const ClientOutput& client, const Console& console) {
  if (!client.has_file() && !shows_code(client, console))
    throw Failure(
        ExitCode::usage,
        "the client's private key would be lost; write its file with -o FILE, or its code with --qr-png FILE, "
        "or show the code here with --qr");
  for (const std::string* file : {&client.file, &client.qr_png, &client.qr_svg})
    if (!file->empty()) require_free(*file, client.existing);
}

void hand_out(const SecretText& text, const ClientOutput& client, const Console& console) {
  const auto wrote = [&](const std::string& file, std::string_view content) {
    write_private_file(file, content, client.existing);
    console.err(fmt::format("Wrote {}. It holds the client's keys: hand it over safely, then delete it here.\n", file));
  };
  if (!client.file.empty()) wrote(client.file, view_of(text));
  const bool shown = shows_code(client, console);
  if (client.qr_png.empty() && client.qr_svg.empty() && !shown) return;
  const QrCode code = encode_qr(view_of(text));
  if (!client.qr_png.empty()) wrote(client.qr_png, qr_png(code));
  if (!client.qr_svg.empty()) wrote(client.qr_svg, qr_svg(code));
  if (shown) {
    console.err(
        "Scan this with the WireGuard app of the phone. It holds the phone's private key, which is kept nowhere "
        "else.\n");
    console.out(qr_terminal(code));
  }
}

}  // namespace culvert::cli
