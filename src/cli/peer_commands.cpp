// SPDX-License-Identifier: MIT
#include "peer_commands.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <culvert/printable.hpp>

#include "client_config.hpp"
#include "failure.hpp"
#include "files.hpp"
#include "findings.hpp"
#include "lifecycle.hpp"
#include "peer_files.hpp"
#include "peer_lookup.hpp"
#include "pool.hpp"
#include "screen.hpp"
#include "system_entropy.hpp"
#include "units.hpp"
#include "values.hpp"
#include "x25519.hpp"

namespace culvert::cli {
namespace {

/// A peer's identity: a key pair made here, or the public half of one that was made elsewhere.
struct Identity {
  PublicKey public_key;
  std::optional<PrivateKey> private_key;
};

Identity identity_from(const std::string& public_key) {
  if (!public_key.empty()) {
    auto key = config::parse_public(public_key);
    if (!key) throw Failure(ExitCode::usage, fmt::format("--public-key: {}", key.error()));
    return {*key, std::nullopt};
  }
  SystemEntropy entropy;
  PrivateKey key = crypto::generate_private_key(entropy);
  const PublicKey half = crypto::public_key(key);
  return {half, std::move(key)};
}

PresharedKey new_preshared_key() {
  SystemEntropy entropy;
  PresharedKey key;
  entropy.fill(key.secret.bytes());
  return key;
}

/// A preshared key must reach the other end as well: with the client's file.
bool reaches_client(const Identity& identity, const ClientOutput& client) {
  return identity.private_key || client.has_file() || client.terminal == ClientOutput::Terminal::qr;
}

std::vector<Prefix> prefixes_from(const std::vector<std::string>& words, std::string_view option) {
  std::vector<Prefix> prefixes;
  for (const std::string& word : words) {
    const auto prefix = config::parse_network(config::trimmed(word));
    if (!prefix)
      throw Failure(ExitCode::usage, fmt::format("{} {}: {}", option, config::excerpt(word), prefix.error()));
    prefixes.push_back(*prefix);
  }
  return prefixes;
}

std::vector<Prefix> addresses_for(const PeerAddOptions& options, const config::Config& config) {
  if (!options.addresses.empty()) {
    std::vector<Prefix> addresses = prefixes_from(options.addresses, "--address");
    // "10.0.0.7/24" means the address: the peer is one machine.
    for (Prefix& address : addresses) address.length = address_bits(address.address.family);
    return addresses;
  }
  if (config.pool.prefixes.empty() && !options.allowed_ips.empty()) return {};
  auto addresses = config::next_free(config);
  if (!addresses) throw Failure(ExitCode::failed, fmt::format("{}: {}", config.place.file, addresses.error()));
  return std::move(*addresses);
}

void require_new_name(const config::Config& config, const std::string& name) {
  if (!config::is_peer_name(name))
    throw Failure(ExitCode::usage,
                  fmt::format("\"{}\" is no name for a peer: 1 to 64 characters, no '/', no '.' in front, and no key",
                              config::excerpt(name)));
  if (std::any_of(config.peers.begin(), config.peers.end(), [&](const auto& peer) { return peer.name == name; }))
    throw Failure(ExitCode::failed,
                  fmt::format("{} has a peer \"{}\" already; new keys for it: culvert peer rotate {} {}", config.name,
                              name, config.name, name));
}

config::PeerConfig peer_from(const PeerAddOptions& options, const config::Config& config, const Identity& identity) {
  config::PeerConfig peer;
  peer.name = options.name;
  peer.public_key = identity.public_key;
  if (options.preshared == PeerAddOptions::Preshared::made && reaches_client(identity, options.client))
    peer.preshared_key = new_preshared_key();
  peer.allowed_ips = addresses_for(options, config);
  for (const Prefix& prefix : prefixes_from(options.allowed_ips, "--allowed-ips"))
    peer.allowed_ips.push_back(masked(prefix));
  if (!options.endpoint.empty()) {
    auto endpoint = config::parse_host_port(options.endpoint);
    if (!endpoint)
      throw Failure(ExitCode::usage,
                    fmt::format("--endpoint {}: {}", config::excerpt(options.endpoint), endpoint.error()));
    peer.endpoints.push_back(std::move(*endpoint));
  }
  if (!options.expires.empty()) peer.expires = expiry_from(options.expires, unix_now());
  return peer;
}

std::string joined(const std::vector<Prefix>& prefixes) {
  std::string text;
  for (const Prefix& prefix : prefixes) text += (text.empty() ? "" : ", ") + to_string(prefix);
  return text;
}

/// Loads what is on the disk now. \throws Failure `invalid` with every error, after `undo`.
void require_good(const Located& located, const Console& console, const std::function<void()>& undo) {
  const auto loaded = config::load(located.path);
  if (loaded) return;
  undo();
  print_findings(loaded.error(), console);
  throw Failure(ExitCode::invalid, "the configuration would not be right with this; nothing was changed");
}

/// The reason why the files of an interface could not be changed.
[[noreturn]] void throw_edit(const Located& located, const std::string& sentence) {
  const std::string folder = config::peer_folder(located.path);
  const bool refused =
      ::access(located.path.c_str(), W_OK) != 0 || (::access(folder.c_str(), W_OK) != 0 && errno != ENOENT);
  throw Failure(refused ? ExitCode::permission : ExitCode::failed, sentence);
}

/// A copy with its secret, which is a visible step.
config::PeerConfig copy_of(const config::PeerConfig& peer) {
  config::PeerConfig copy;
  copy.name = peer.name;
  copy.public_key = peer.public_key;
  copy.preshared_key = peer.preshared_key.clone();
  copy.endpoints = peer.endpoints;
  copy.allowed_ips = peer.allowed_ips;
  copy.persistent_keepalive = peer.persistent_keepalive;
  copy.expires = peer.expires;
  copy.enabled = peer.enabled;
  copy.place = peer.place;
  return copy;
}

config::Config load_quietly(const Located& located, const Console& console) {
  auto loaded = config::load(located.path);
  if (loaded) return std::move(loaded->config);
  return load_or_fail(located, console);
}

Located locate_toml(const std::string& interface, const std::string& config_folder) {
  Located located = locate(interface, config_folder);
  if (!located.path.ends_with(".toml"))
    throw Failure(ExitCode::usage,
                  fmt::format("{} is a wg-quick file, which is not changed here; take it over with: culvert "
                              "import {}",
                              located.path, located.path));
  return located;
}

void tell_daemon(const Located& located, const SocketFolders& folders, const Console& console) {
  console.err(reload_if_running(located, folders, console) + ".\n");
}

}  // namespace

UnixTime expiry_from(const std::string& text, std::int64_t now_unix) {
  if (const auto span = parse_span(text)) return {now_unix + span->count(), 0};
  const auto time = config::parse_expiry(text);
  if (!time)
    throw Failure(ExitCode::usage,
                  fmt::format("--expires {}: neither a span such as 30d or 12h, nor a date such as 2026-12-31",
                              config::excerpt(text)));
  if (time->seconds <= now_unix)
    throw Failure(ExitCode::usage, fmt::format("--expires {}: that is over already", config::excerpt(text)));
  return *time;
}

void add_peer(const PeerAddOptions& options, const std::string& config_folder, const SocketFolders& folders,
              const Console& console) {
  const Located located = locate_toml(options.interface, config_folder);
  const io::UniqueFd lock = lock_config(located.path);
  const config::Config config = load_quietly(located, console);
  require_new_name(config, options.name);
  const Identity identity = identity_from(options.public_key);
  const bool hands_out = reaches_client(identity, options.client);
  if (hands_out) require_way_out(options.client, console);
  const config::PeerConfig peer = peer_from(options, config, identity);
  SecretText client;
  if (hands_out) {
    const PrivateKey* const key = identity.private_key ? &*identity.private_key : nullptr;
    client = client_text(client_config(config, peer, options.client, key), options.client.form);
  }
  const auto path = config::add_peer(located.path, peer);
  if (!path) throw_edit(located, path.error());
  require_good(located, console, [&] { remove_file(*path); });
  try {
    if (hands_out) hand_out(client, options.client, console);
  } catch (const Failure& failure) {
    remove_file(*path);
    throw Failure(failure);  // also where nobody read the code, which is no good end here
  }
  console.err(fmt::format("Added {} to {}: {}.\n", peer.name, located.interface, joined(peer.allowed_ips)));
  tell_daemon(located, folders, console);
}

void remove_peer(const PeerRemoveOptions& options, const std::string& config_folder, const SocketFolders& folders,
                 const Console& console) {
  const Located located = locate_toml(options.interface, config_folder);
  const io::UniqueFd lock = lock_config(located.path);
  const config::Config config = load_quietly(located, console);
  const config::PeerConfig& peer = find_peer(config, options.name);
  if (const auto done = config::remove_peer(located.path, peer); !done) throw_edit(located, done.error());
  console.err(fmt::format("Removed {} from {}.\n", printable(peer.name), located.interface));
  tell_daemon(located, folders, console);
}

void rotate_peer(const PeerRotateOptions& options, const std::string& config_folder, const SocketFolders& folders,
                 const Console& console) {
  const Located located = locate_toml(options.interface, config_folder);
  const io::UniqueFd lock = lock_config(located.path);
  const config::Config config = load_quietly(located, console);
  const config::PeerConfig& old = find_peer(config, options.name);
  const Identity identity = identity_from(options.public_key);
  const bool hands_out = reaches_client(identity, options.client);
  if (hands_out) require_way_out(options.client, console);

  config::PeerConfig peer = copy_of(old);
  peer.public_key = identity.public_key;
  if (hands_out && !old.preshared_key.secret.is_zero()) peer.preshared_key = new_preshared_key();
  SecretText client;
  if (hands_out) {
    const PrivateKey* const key = identity.private_key ? &*identity.private_key : nullptr;
    client = client_text(client_config(config, peer, options.client, key), options.client.form);
  }
  const SecretText before = read_file(old.place.file);
  const auto undo = [&] {
    if (const auto done = config::write_file(old.place.file, view_of(before), config::Existing::replace); !done)
      throw_edit(located, done.error());
  };
  if (const auto done = config::replace_peer(old, peer); !done) throw_edit(located, done.error());
  require_good(located, console, undo);
  try {
    if (hands_out) hand_out(client, options.client, console);
  } catch (const Failure& failure) {
    undo();
    throw Failure(failure);  // likewise
  }
  console.err(fmt::format("{} of {} has new keys.\n", printable(old.name), located.interface));
  tell_daemon(located, folders, console);
}

}  // namespace culvert::cli
