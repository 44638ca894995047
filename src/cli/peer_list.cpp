// SPDX-License-Identifier: MIT
// `culvert peer list` and `culvert peer show`: what the files say, with what a running daemon knows beside it.
#include <fmt/format.h>

#include <algorithm>

#include <culvert/printable.hpp>

#include "failure.hpp"
#include "findings.hpp"
#include "peer_commands.hpp"
#include "peer_lookup.hpp"
#include "screen.hpp"
#include "status_document.hpp"
#include "table.hpp"
#include "units.hpp"

namespace culvert::cli {
namespace {

/// Empty where no daemon answers: the files can be read all the same.
std::vector<PeerStatus> running_peers(const SocketFolders& folders, const std::string& interface) {
  try {
    auto status = parse_status(read_status(folders, interface));
    return status ? std::move(status->peers) : std::vector<PeerStatus>();
  } catch (const Failure&) {
    return {};
  }
}

const PeerStatus* find_running(const std::vector<PeerStatus>& running, const config::PeerConfig& peer) {
  const std::string key = to_base64(peer.public_key);
  const auto found = std::find_if(running.begin(), running.end(), [&](const auto& p) { return p.public_key == key; });
  return found == running.end() ? nullptr : &*found;
}

std::string state_text(const config::PeerConfig& peer, const PeerStatus* running) {
  if (!peer.enabled) return "disabled";
  if (peer.expires && peer.expires->seconds <= unix_now()) return "expired";
  return running == nullptr ? "not running" : state_of(*running, unix_now()).text;
}

std::string expiry_text(const config::PeerConfig& peer) {
  return peer.expires ? instant_text(peer.expires->seconds) : "never";
}

std::string joined(const std::vector<Prefix>& prefixes) {
  std::string text;
  for (const Prefix& prefix : prefixes) text += (text.empty() ? "" : ", ") + to_string(prefix);
  return text.empty() ? "(none)" : text;
}

}  // namespace

void list_peers(const PeerListOptions& options, const std::string& config_folder, const SocketFolders& folders,
                const Console& console) {
  const Located located = locate(options.interface, config_folder);
  const config::Config config = load_or_fail(located, console);
  const std::vector<PeerStatus> running = running_peers(folders, located.interface);
  Table table({"NAME", "STATE", "EXPIRES", "ALLOWED IPS"});
  for (const config::PeerConfig& peer : config.peers)
    table.add({printable(peer.name), state_text(peer, find_running(running, peer)), expiry_text(peer),
               joined(peer.allowed_ips)});
  if (config.peers.empty())
    console.err(fmt::format("{0} has no peers; add one with: culvert peer add {0} NAME\n", located.interface));
  console.out(table.text());
}

void show_peer(const PeerShowOptions& options, const std::string& config_folder, const SocketFolders& folders,
               const Console& console) {
  const Located located = locate(options.interface, config_folder);
  const config::Config config = load_or_fail(located, console);
  const config::PeerConfig& peer = find_peer(config, options.name);
  const std::vector<PeerStatus> running = running_peers(folders, located.interface);
  const PeerStatus* const live = find_running(running, peer);
  std::string text = fmt::format("peer: {}\n", printable(peer.name));
  const auto add = [&](std::string_view label, const std::string& value) {
    text += fmt::format("  {}: {}\n", label, value);
  };
  add("state", state_text(peer, live));
  add("public key", to_base64(peer.public_key));
  add("preshared key", peer.preshared_key.secret.is_zero() ? "(none)" : "(hidden)");
  std::string endpoints;
  for (const config::HostPort& endpoint : peer.endpoints)
    endpoints += (endpoints.empty() ? "" : ", ") + config::to_string(endpoint);
  if (!endpoints.empty()) add("endpoint", endpoints);
  if (live != nullptr && !live->endpoint.empty()) add("speaks from", printable(live->endpoint));
  add("allowed ips", joined(peer.allowed_ips));
  if (peer.persistent_keepalive.count() != 0)
    add("persistent keepalive", "every " + span_text(peer.persistent_keepalive));
  if (live != nullptr && live->latest_handshake != 0)
    add("latest handshake", ago_text(std::chrono::seconds(unix_now() - live->latest_handshake)));
  if (live != nullptr)
    add("transfer", fmt::format("{} received, {} sent", octets_text(live->received), octets_text(live->sent)));
  add("expires", expiry_text(peer));
  add("file", fmt::format("{}:{}", peer.place.file, std::max(1U, peer.place.line)));
  console.out(text);
}

}  // namespace culvert::cli
