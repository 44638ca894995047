// SPDX-License-Identifier: MIT
#include "uapi_text.hpp"

#include <algorithm>
#include <unordered_map>

#include "secret_builder.hpp"

namespace culvert::config {
namespace {

enum class Blocked : std::uint8_t { none, disabled, expired };

Blocked blocked(const PeerConfig& peer, UnixTime now) noexcept {
  if (!peer.enabled) return Blocked::disabled;
  return peer.expired_at(now) ? Blocked::expired : Blocked::none;
}

std::string_view text_of(Blocked reason) noexcept {
  switch (reason) {
    case Blocked::none:
      return "none";
    case Blocked::disabled:
      return "disabled";
    case Blocked::expired:
      return "expired";
  }
  return {};
}

std::uint32_t mark_of(const Config& config, const UapiContext& context) noexcept {
  return config.fwmark.value_or(context.fwmark.value_or(0));
}

bool same_secret(const Secret<32>& a, const Secret<32>& b) noexcept { return ct_equal(a.bytes(), b.bytes()); }

class Operation {
 public:
  Operation() { text_.put("set=1\n"); }

  void add(std::string_view key, std::string_view value) { text_.put(key).put("=").put(value).put("\n"); }
  template <class Integer>
  void add_number(std::string_view key, Integer value) {
    text_.put(key).put("=").put_number(value).put("\n");
  }
  void add_key(std::string_view key, std::span<const std::uint8_t, 32> value) {
    text_.put(key).put("=").put_hex(value).put("\n");
  }
  void add_allowed_ips(const PeerConfig& peer) {
    add("replace_allowed_ips", "true");
    for (const Prefix& prefix : peer.allowed_ips) add("allowed_ip", to_string(prefix));
  }
  void add_endpoint(const PeerConfig& peer, const UapiContext& context) {
    const auto chosen = context.endpoints.find(peer.public_key);
    if (chosen != context.endpoints.end()) return add("endpoint", to_string(chosen->second));
    for (const HostPort& endpoint : peer.endpoints)
      if (const auto address = numeric(endpoint)) return add("endpoint", to_string(*address));
  }
  [[nodiscard]] SecretText finish() {
    text_.put("\n");
    return text_.take();
  }

 private:
  SecretBuilder text_;
};

/// Those that are not as `known` says; a limit that is not said is told as 0. \returns whether there was any.
bool add_limits(Operation& out, const LimitsConfig& known, const LimitsConfig& wanted) {
  bool told = false;
  const auto add = [&](std::string_view key, const std::optional<std::uint32_t>& old,
                       const std::optional<std::uint32_t>& now) {
    if (old == now) return;
    out.add_number(key, now.value_or(0));
    told = true;
  };
  add("limit_peers", known.peers, wanted.peers);
  add("limit_handshakes_per_second", known.handshakes_per_second, wanted.handshakes_per_second);
  add("limit_staged_packets", known.staged_packets, wanted.staged_packets);
  return told;
}

/// A peer that did not exist before.
void add_whole_peer(Operation& out, const PeerConfig& peer, const UapiContext& context) {
  out.add_key("public_key", peer.public_key.bytes());
  out.add("name", peer.name);
  if (!peer.preshared_key.secret.is_zero()) out.add_key("preshared_key", peer.preshared_key.secret.bytes());
  if (const Blocked reason = blocked(peer, context.now); reason != Blocked::none) out.add("blocked", text_of(reason));
  if (const auto past = context.past.find(peer.public_key); past != context.past.end()) {
    out.add_number("past_rx_bytes", past->second.received);
    out.add_number("past_tx_bytes", past->second.sent);
    out.add_number("past_since", past->second.since);
  }
  out.add_endpoint(peer, context);
  if (peer.persistent_keepalive.count() != 0)
    out.add_number("persistent_keepalive_interval", peer.persistent_keepalive.count());
  out.add_allowed_ips(peer);
}

struct Known {
  const PeerConfig& peer;
  const UapiContext& context;
};

bool add_changes(Operation& out, const Known& before, const Known& after) {
  const PeerConfig& old = before.peer;
  const PeerConfig& peer = after.peer;
  bool told = false;
  const auto begin = [&] {
    if (!std::exchange(told, true)) out.add_key("public_key", peer.public_key.bytes());
  };
  if (old.name != peer.name) begin(), out.add("name", peer.name);
  if (!same_secret(old.preshared_key.secret, peer.preshared_key.secret))
    begin(), out.add_key("preshared_key", peer.preshared_key.secret.bytes());
  const Blocked reason = blocked(peer, after.context.now);
  if (reason != blocked(old, before.context.now)) begin(), out.add("blocked", text_of(reason));
  if (old.endpoints != peer.endpoints && !peer.endpoints.empty()) begin(), out.add_endpoint(peer, after.context);
  if (old.persistent_keepalive != peer.persistent_keepalive)
    begin(), out.add_number("persistent_keepalive_interval", peer.persistent_keepalive.count());
  if (old.allowed_ips != peer.allowed_ips) begin(), out.add_allowed_ips(peer);
  return told;
}

using ByKey = std::unordered_map<PublicKey, const PeerConfig*>;

ByKey by_key(const Config& config) {
  ByKey out;
  for (const PeerConfig& peer : config.peers) out.emplace(peer.public_key, &peer);
  return out;
}

}  // namespace

SecretText to_uapi(const Config& config, const UapiContext& context) {
  Operation out;
  out.add_key("private_key", config.private_key.secret.bytes());
  out.add_number("listen_port", config.listen_port);
  out.add_number("fwmark", mark_of(config, context));
  add_limits(out, {}, config.limits);
  out.add("replace_peers", "true");
  for (const PeerConfig& peer : config.peers) add_whole_peer(out, peer, context);
  return out.finish();
}

SecretText to_uapi(const Config& before, const UapiContext& known, const Config& after, const UapiContext& context) {
  Operation out;
  bool differs = false;
  if (!same_secret(before.private_key.secret, after.private_key.secret)) {
    out.add_key("private_key", after.private_key.secret.bytes());
    differs = true;
  }
  if (before.listen_port != after.listen_port) {
    out.add_number("listen_port", after.listen_port);
    differs = true;
  }
  if (mark_of(before, known) != mark_of(after, context)) {
    out.add_number("fwmark", mark_of(after, context));
    differs = true;
  }
  if (add_limits(out, before.limits, after.limits)) differs = true;
  const ByKey old_peers = by_key(before);
  const ByKey new_peers = by_key(after);
  // Removals first: what they leave may go to others. Among the rest each list replaces the old one, so order is free.
  for (const PeerConfig& peer : before.peers) {
    if (new_peers.contains(peer.public_key)) continue;
    out.add_key("public_key", peer.public_key.bytes());
    out.add("remove", "true");
    differs = true;
  }
  for (const PeerConfig& peer : after.peers) {
    const auto old = old_peers.find(peer.public_key);
    if (old == old_peers.end()) {
      add_whole_peer(out, peer, context);
      differs = true;
    } else if (add_changes(out, {*old->second, known}, {peer, context})) {
      differs = true;
    }
  }
  return differs ? out.finish() : SecretText();
}

std::optional<UnixTime> next_expiry(const Config& config, UnixTime now) noexcept {
  std::optional<UnixTime> next;
  for (const PeerConfig& peer : config.peers)
    if (peer.enabled && peer.expires && *peer.expires > now && (!next || *peer.expires < *next)) next = peer.expires;
  return next;
}

std::optional<Endpoint> numeric(const HostPort& endpoint) { return parse_endpoint(to_string(endpoint)); }

}  // namespace culvert::config
