// SPDX-License-Identifier: MIT
#include <algorithm>
#include <map>
#include <unordered_map>

#include "check_findings.hpp"
#include "networks.hpp"
#include "uapi_text.hpp"
#include "x25519.hpp"

namespace culvert::config {
namespace {

using enum Finding::Grade;

/// "alice (line 12)", to find the other of two.
std::string whereabouts(const PeerConfig& peer) {
  if (peer.place.line == 0) return peer.name;
  return peer.name + " (" + peer.place.file + ':' + std::to_string(peer.place.line) + ')';
}

/// No handshake succeeds with such a key, whatever ours is: the shared secret is zero for every private key alike.
bool is_low_order(const PublicKey& key) {
  PrivateKey any;
  any.secret.bytes()[0] = 1;
  crypto::clamp(any);
  Secret<32> shared;
  return !crypto::x25519(any, key, shared);
}

void check_identities(const Config& config, CheckFindings& out) {
  const bool have_key = !config.private_key.secret.is_zero();
  const PublicKey own = have_key ? crypto::public_key(config.private_key) : PublicKey{};
  std::unordered_map<PublicKey, const PeerConfig*> keys;
  std::unordered_map<std::string, const PeerConfig*> names;
  for (const PeerConfig& peer : config.peers) {
    const std::string key = to_base64(peer.public_key);
    if (have_key && peer.public_key == own) {
      out.add(error, peer, "public_key", key, "this is the interface's own key; ask the peer for its public key");
    } else if (is_low_order(peer.public_key)) {
      out.add(error, peer, "public_key", key,
              "no handshake can succeed with this key; ask the peer for its public key");
    }
    if (const auto [it, fresh] = keys.emplace(peer.public_key, &peer); !fresh) {
      out.add(error, peer, "public_key", key,
              "the same peer is there already as " + whereabouts(*it->second) + "; remove one");
      continue;
    }
    if (const auto [it, fresh] = names.emplace(peer.name, &peer); !fresh)
      out.add(error, peer, "name", peer.name,
              "this name has " + whereabouts(*it->second) + " already; give one of them another");
  }
}

struct Owned {
  Prefix prefix;
  const PeerConfig* peer;
};

std::vector<Owned> all_allowed(const Config& config) {
  std::vector<Owned> all;
  for (const PeerConfig& peer : config.peers)
    for (const Prefix& prefix : peer.allowed_ips) all.push_back({prefix, &peer});
  // A network before what lies in it; among equals, as in the file.
  std::stable_sort(all.begin(), all.end(), [](const Owned& a, const Owned& b) { return a.prefix < b.prefix; });
  return all;
}

void check_twice(const Owned& first, const Owned& second, CheckFindings& out) {
  const std::string value = to_string(second.prefix);
  if (first.peer == second.peer) {
    out.add(warning, *second.peer, "allowed_ips", value, "it is there twice");
  } else {
    out.add(error, *second.peer, "allowed_ips", value,
            "peer " + whereabouts(*first.peer) + " has it already, and a packet can go to one of them only");
  }
}

/// A network of a peer in a network of another. A single host is how exceptions are made, and /0 or /1 is everything
/// else.
void check_nested(const Owned& outer, const Owned& inner, CheckFindings& out) {
  if (outer.peer == inner.peer || is_host(inner.prefix) || outer.prefix.length <= 1) return;
  out.add(warning, *inner.peer, "allowed_ips", to_string(inner.prefix),
          "it lies in " + to_string(outer.prefix) + " of peer " + whereabouts(*outer.peer) +
              ", which loses it; two sites with the same network cannot be told apart");
}

void check_allowed(const Config& config, CheckFindings& out) {
  std::vector<Owned> around;  // each holds the next
  for (const Owned& allowed : all_allowed(config)) {
    while (!around.empty() && !contains(around.back().prefix, allowed.prefix)) around.pop_back();
    if (!around.empty() && around.back().prefix == allowed.prefix) {
      check_twice(around.back(), allowed, out);
      continue;
    }
    if (!around.empty()) check_nested(around.back(), allowed, out);
    around.push_back(allowed);
  }
}

void check_one(const Config& config, const PeerConfig& peer, CheckFindings& out) {
  if (peer.allowed_ips.empty())
    out.add(warning, peer, "allowed_ips", {}, "empty: nothing is sent to this peer, and nothing is taken from it");
  for (const Prefix& allowed : peer.allowed_ips) {
    for (const Prefix& own : config.addresses)
      if (allowed == whole(own.address))
        out.add(error, peer, "allowed_ips", to_string(allowed),
                "this is the interface's own address; write the peer's");
    for (const HostPort& endpoint : peer.endpoints) {
      const auto address = numeric(endpoint);
      if (address && allowed.length > 0 && contains(allowed, whole(address->address)))
        out.add(warning, peer, "allowed_ips", to_string(allowed),
                "the peer's own endpoint " + to_string(endpoint) + " lies in it, so the tunnel would lead into itself");
    }
  }
}

}  // namespace

void check_peers(const Config& config, CheckFindings& out) {
  check_identities(config, out);
  check_allowed(config, out);
  for (const PeerConfig& peer : config.peers) check_one(config, peer, out);
}

}  // namespace culvert::config
