// SPDX-License-Identifier: MIT
#include "device.hpp"

#include <algorithm>
#include <bit>

#include "lane_index.hpp"
#include "x25519.hpp"

namespace culvert {

namespace {

constexpr std::size_t kPreparedEphemerals =
    64;  // 64 octets each; as many as may be computed on before the queue is busy

Octets<16> random_seed(Entropy& entropy) noexcept {
  Octets<16> seed{};
  entropy.fill(seed);
  return seed;
}

KeyPair make_ephemeral(Entropy& entropy) {
  KeyPair pair{crypto::generate_private_key(entropy), {}};
  pair.public_key = crypto::public_key(pair.private_key);
  return pair;
}

}  // namespace

Device::Device(std::size_t lanes, Entropy& entropy)
    : lanes_(lanes),
      entropy_(entropy),
      seed_(random_seed(entropy)),
      limiter_(seed_),
      admitted_strangers_(seed_),
      answered_strangers_(seed_) {
  ephemerals_.reserve(kPreparedEphemerals);
}

void Device::set_private_key(Now now, PrivateKey key, Actions& actions) {
  const bool is_key = !key.secret.is_zero();
  if (is_key) crypto::clamp(key);
  // Tools that write a whole configuration write the key that is there already [K].
  if (ct_equal<32>(key.secret.bytes(), identity_->private_key.secret.bytes())) return;
  has_identity_ = is_key;
  const PublicKey public_key = is_key ? crypto::public_key(key) : PublicKey{};
  identity_ = std::make_shared<KeyPair>(KeyPair{std::move(key), public_key});
  if (const auto self = find(public_key); is_key && self) remove_peer(*self, actions);
  checker_.set_identity(public_key);
  for (auto& peer : peers_) {
    if (!peer) continue;
    compute_static_shared(*peer);
    // Packets may wait for the answer, and nothing but the next packet would ask again.
    const bool call_again = peer->pending && can_send(*peer);
    forget_pending(*peer);
    forget_sessions(*peer);
    if (call_again) {
      peer->initiation_wanted = true;
      peer->last_initiation_sent.reset();
      peer->last_response_sent.reset();
    }
    post_bar(*peer, actions);
    post_sessions(*peer, change::SessionsReplaced::Then::nothing, actions);
    reschedule(*peer, now);
  }
}

void Device::compute_static_shared(Peer& peer) {
  peer.static_shared.reset();
  if (!has_identity_) return;
  Secret<32> shared;
  if (crypto::x25519(identity_->private_key, peer.public_key, shared)) peer.static_shared = std::move(shared);
}

std::optional<PeerId> Device::find(const PublicKey& key) const noexcept {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? std::nullopt : std::optional(peers_[found->second]->id);
}

std::optional<PeerId> Device::add_peer(const PublicKey& key, Actions& actions) {
  if (by_key_.size() >= params::kMaxPeers) return std::nullopt;
  std::uint32_t slot = 0;
  if (free_slots_.empty()) {
    slot = static_cast<std::uint32_t>(peers_.size());
    peers_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  auto peer = std::make_unique<Peer>();
  peer->id = {slot, next_generation_++};
  peer->public_key = key;
  peer->last_stamp_sent = stamp_floor_;
  peer->traffic = std::make_shared<PeerTraffic>(lanes_);
  compute_static_shared(*peer);
  by_key_.emplace(key, slot);
  actions.post(change::PeerAdded{peer->id, peer->traffic});
  if (bar(*peer)) post_bar(*peer, actions);
  peers_[slot] = std::move(peer);
  return peers_[slot]->id;
}

void Device::remove_peer(PeerId id, Actions& actions) {
  Peer* peer = find(id);
  if (peer == nullptr) return;
  stamp_floor_ = std::max(stamp_floor_, peer->last_stamp_sent);
  forget_pending(*peer);
  forget_sessions(*peer);
  if (peer->deadline) deadlines_.erase({*peer->deadline, id.slot});
  allowed_ips_.remove_owner(id.slot);
  by_key_.erase(peer->public_key);
  peers_[id.slot].reset();
  free_slots_.push_back(id.slot);
  actions.post(change::PeerRemoved{id});
}

void Device::set_preshared_key(PeerId id, PresharedKey key) {
  if (Peer* peer = find(id)) peer->preshared_key = std::move(key);
}

void Device::set_name(PeerId id, std::string name) {
  if (Peer* peer = find(id)) peer->name = std::move(name);
}

void Device::set_past(PeerId id, const PastTraffic& past) {
  if (Peer* peer = find(id)) peer->past = past;
}

void Device::set_blocked(Now now, PeerId id, Blocked blocked, Actions& actions) {
  Peer* peer = find(id);
  if (peer == nullptr || std::exchange(peer->blocked, blocked) == blocked) return;
  post_bar(*peer, actions);
  if (blocked == Blocked::no) return;
  forget_all(*peer, reason_of(blocked), actions);
  reschedule(*peer, now);
}

void Device::set_endpoint(PeerId id, const Endpoint& endpoint, Actions& actions) {
  Peer* peer = find(id);
  if (peer == nullptr) return;
  peer->endpoint = endpoint;
  peer->source.reset();
  actions.post(change::EndpointMoved{id, endpoint, std::nullopt, change::EndpointMoved::By::order});
}

void Device::set_persistent_keepalive(Now now, PeerId id, std::chrono::seconds interval, Actions& actions) {
  Peer* peer = find(id);
  if (peer == nullptr) return;
  interval = std::clamp<std::chrono::seconds>(interval, {}, params::kMaxPersistentKeepalive);
  const bool turned_on = peer->persistent_interval.count() == 0 && interval.count() != 0;
  peer->persistent_interval = interval;
  if (turned_on && link_ == Link::up) {
    peer->last_persistent = now.mono;
    send_keepalive(*peer, actions);
  }
  reschedule(*peer, now);
}

void Device::add_allowed_ip(PeerId id, const Prefix& prefix, Actions& actions) {
  if (find(id) == nullptr) return;
  allowed_ips_.insert(prefix, id.slot);
  actions.post(change::AllowedIpAdded{prefix, id});
}

void Device::remove_allowed_ip(PeerId id, const Prefix& prefix, Actions& actions) {
  if (find(id) == nullptr || !allowed_ips_.remove(prefix, id.slot)) return;
  actions.post(change::AllowedIpRemoved{prefix, id});
}

void Device::clear_allowed_ips(PeerId id, Actions& actions) {
  for (const Prefix& prefix : allowed_ips_.of(id.slot)) remove_allowed_ip(id, prefix, actions);
}

void Device::set_link(Now now, Link link, Actions& actions) {
  if (link_ == link) return;
  link_ = link;
  for (auto& peer : peers_) {
    if (!peer) continue;
    if (link == Link::down) {
      forget_all(*peer, Drop::interface_down, actions);
    } else if (peer->persistent_interval.count() != 0) {
      peer->last_persistent = now.mono;
      send_keepalive(*peer, actions);
    }
    reschedule(*peer, now);
  }
}

void Device::forget_pending(Peer& peer) {
  if (peer.pending) by_index_.erase(peer.pending->local_index);
  peer.pending.reset();
}

void Device::forget_sessions(Peer& peer) {
  for (const SessionRef& s : {peer.sessions.previous, peer.sessions.current, peer.sessions.next}) {
    if (!s) continue;
    by_index_.erase(s->local_index);
    peer.keep_arrivals(*s);
  }
  peer.sessions = {};
  peer.keys_born.reset();
}

/// As if nothing had ever been said, but for what replay and the clock must remember.
void Device::forget_all(Peer& peer, Drop why, Actions& actions) {
  forget_pending(peer);
  forget_sessions(peer);
  peer.initiation_wanted = false;
  peer.last_initiation_sent.reset();
  peer.last_response_sent.reset();
  peer.traffic->forget();
  actions.post(change::StagedDropped{peer.id, why});
  post_sessions(peer, change::SessionsReplaced::Then::nothing, actions);
}

// So that nothing waits in a lane for a session that cannot come.
void Device::post_bar(const Peer& peer, Actions& actions) { actions.post(change::PeerBarred{peer.id, bar(peer)}); }

void Device::post_sessions(const Peer& peer, change::SessionsReplaced::Then then, Actions& actions) {
  using Then = change::SessionsReplaced::Then;
  if (then != Then::confirm) return actions.post(change::SessionsReplaced{peer.id, peer.sessions, then});
  // One lane confirms; the others only send what waits.
  actions.post_to(home_lane(peer), change::SessionsReplaced{peer.id, peer.sessions, Then::confirm});
  actions.post_to_others(home_lane(peer), change::SessionsReplaced{peer.id, peer.sessions, Then::flush});
}

Peer* Device::find(PeerId id) noexcept {
  if (id.slot >= peers_.size() || !peers_[id.slot] || peers_[id.slot]->id != id) return nullptr;
  return peers_[id.slot].get();
}

const Peer* Device::peer(PeerId id) const noexcept {
  if (id.slot >= peers_.size() || !peers_[id.slot] || peers_[id.slot]->id != id) return nullptr;
  return peers_[id.slot].get();
}

void Device::for_each_peer(const std::function<void(const Peer&)>& visit) const {
  for (const auto& peer : peers_)
    if (peer) visit(*peer);
}

/// Why there can be no session with the peer, wherever it is; nullopt: nothing is in the way.
std::optional<Drop> Device::bar(const Peer& peer) const noexcept {
  if (peer.blocked != Blocked::no) return reason_of(peer.blocked);
  if (!has_identity_) return Drop::no_identity;
  if (!peer.static_shared) return Drop::zero_shared_secret;
  return std::nullopt;
}

bool Device::can_send(const Peer& peer) const noexcept { return link_ == Link::up && !bar(peer) && peer.endpoint; }

std::uint32_t Device::free_index(const Peer& peer) {
  for (;;) {
    Octets<4> random{};
    entropy_.fill(random);
    const std::uint32_t index =
        wire::index_for_lane(std::uint32_t{std::bit_cast<le32>(random)}, home_lane(peer), lanes_);
    if (!by_index_.contains(index)) return index;
  }
}

// Another one when `index` has been taken since it was free.
std::uint32_t Device::take_index(const Peer& peer, std::uint32_t index, IndexEntry::Kind kind) {
  while (!by_index_.try_emplace(index, IndexEntry{peer.id.slot, kind}).second) index = free_index(peer);
  return index;
}

std::optional<KeyPair> Device::take_prepared() {
  if (ephemerals_.empty()) return std::nullopt;
  KeyPair prepared = std::move(ephemerals_.back());
  ephemerals_.pop_back();
  return prepared;
}

KeyPair Device::new_ephemeral() {
  auto prepared = take_prepared();
  return prepared ? *std::move(prepared) : make_ephemeral(entropy_);
}

bool Device::prepare_ephemeral() {
  if (!has_identity_ || ephemerals_.size() >= kPreparedEphemerals) return false;
  ephemerals_.push_back(make_ephemeral(entropy_));
  return true;
}

Duration Device::new_jitter() {
  Octets<4> random{};
  entropy_.fill(random);
  const auto range = static_cast<std::uint64_t>(Duration(params::kMaxJitter).count()) + 1;
  return Duration(static_cast<std::int64_t>(std::uint32_t{std::bit_cast<le32>(random)} * range >> 32));
}

}  // namespace culvert
