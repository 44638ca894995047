// SPDX-License-Identifier: MIT
#include "world.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace culvert::sim {

World::World(std::uint64_t seed) : rng_(seed) {}

Node& World::add(std::optional<std::uint64_t> seed) {
  nodes_.push_back(std::make_unique<Node>(nodes_.size(), seed.value_or(rng_.next())));
  Node& node = *nodes_.back();
  start(node);
  node.public_key = node.tunnel->public_key();
  return node;
}

void World::introduce(Node& a, Node& b, const Introduction& how) {
  const auto make_peer = [&](Node& node, const Node& peer, bool known, const Octets<32>& psk, auto keepalive) {
    node.peers.push_back({peer.id, known ? std::optional(seen(peer)) : std::nullopt, psk, keepalive});
    add_peer(node, node.peers.back());
  };
  make_peer(a, b, how.a_knows_b, how.psk_of_a, how.keepalive_of_a);
  make_peer(b, a, how.b_knows_a, how.psk_of_b, how.keepalive_of_b);
}

void World::forget(Node& node, const Node& peer) {
  std::erase_if(node.peers, [&](const PeerConfig& config) { return config.node == peer.id; });
  if (!node.tunnel) return;
  const std::uint64_t waiting = node.tunnel->packet_counts().waiting;
  node.tunnel->remove_peer(peer.public_key);
  node.seen.drops += waiting - node.tunnel->packet_counts().waiting;  // those are told by no Output
}

void World::tell(Node& node, const Node& peer, const Endpoint& endpoint) {
  change_peer(node, peer, [&](PeerConfig& config) { config.endpoint = endpoint; });
}

void World::reconfigure(Node& node, const Node& peer, std::chrono::seconds keepalive) {
  change_peer(node, peer, [&](PeerConfig& config) { config.keepalive = keepalive; });
}

void World::change_peer(Node& node, const Node& peer, const std::function<void(PeerConfig&)>& change) {
  for (PeerConfig& config : node.peers) {
    if (config.node != peer.id) continue;
    change(config);
    add_peer(node, config);
  }
}

void World::add_peer(Node& node, const PeerConfig& config) {
  if (!node.tunnel) return;
  const Node& peer = *nodes_[config.node];
  PeerSettings settings;
  settings.public_key = peer.public_key;
  settings.preshared_key = {Secret<32>(config.psk)};
  settings.endpoint = config.endpoint;
  settings.allowed_ips = {{peer.inside, config.allowed_bits}};
  settings.persistent_keepalive = config.keepalive;
  carry_out(node, node.tunnel->add_peer(node.clocks(now_), std::move(settings)));
}

void World::start(Node& node) {
  node.seen = {};
  node.tunnel.emplace(PrivateKey{Secret<32>(node.key)}, node.entropy);
  node.tunnel->set_cookies(node.cookies);
  for (auto& [pair, w] : wires_)
    if (pair.first == node.id) w.last_initiation.reset();
  for (const PeerConfig& config : node.peers) add_peer(node, config);
}

void World::move(Node& node, std::uint8_t last_octet) {
  node.here.address.octets[3] = last_octet;
  for (const auto& other : nodes_)
    for (PeerConfig& config : other->peers)
      if (config.node == node.id && config.endpoint) config.endpoint = seen(node);
}

void World::demand_cookies(Node& node, Tunnel::Cookies cookies) {
  node.cookies = cookies;
  if (node.tunnel) node.tunnel->set_cookies(cookies);
}

void World::sleep(Node& node, Duration how_long) {
  node.asleep = true;
  at(now_ + how_long, [&node] { node.asleep = false; });
}

Nat& World::add_nat(std::uint8_t last_octet, Duration idle) {
  nats_.push_back(std::make_unique<Nat>(Node::address(198, last_octet), idle));
  return *nats_.back();
}

// Inside

void World::send(Node& from, const Node& to) {
  if (!from.is_up()) return;
  Flow& f = flow(from, to);
  const auto packet = make_packet({from.inside, to.inside, f.next_number()});
  f.note_sent(now_);
  ++from.seen.read;
  carry_out(from, from.tunnel->from_inside(from.clocks(now_), packet));
}

void World::forge(Node& from, const Node& pretended, const Node& to) {
  const auto packet = make_packet({pretended.inside, to.inside, std::uint64_t{1} << 40});
  ++from.seen.read;
  carry_out(from, from.tunnel->from_inside(from.clocks(now_), packet));
}

void World::traffic(Node& from, const Node& to, Duration period, Time until) {
  if (now_ >= until) return;
  send(from, to);
  at(now_ + period, [this, &from, &to, period, until] { traffic(from, to, period, until); });
}

void World::deliver(Node& node, Bytes packet) {
  const auto read = read_packet(packet);
  const auto sender = [&]() -> const Node* {
    for (const auto& n : nodes_)
      if (read && n->inside == read->source) return n.get();
    return nullptr;
  }();
  if (sender == nullptr || read->destination != node.inside) {
    ++wrong_;
    return;
  }
  if (!flow(*sender, node).note_delivered(now_, read->number)) ++wrong_;
}

std::uint64_t World::duplicates() const {
  std::uint64_t n = 0;
  for (const auto& [pair, f] : flows_) n += f.duplicates();
  return n;
}

// Outside

void World::carry_out(Node& node, const Output& output) {
  node.seen.delivered += output.inside.size();
  node.seen.drops += output.drops.size();
  for (const OutsideDatagram& datagram : output.outside)
    node.seen.sent += kind_of(datagram.octets) == Kind::data ? 1U : 0U;
  check_books(node);
  for (const auto& packet : output.inside) deliver(node, packet);
  for (const Drop drop : output.drops) ++node.drops[static_cast<std::size_t>(drop)];
  for (const OutsideDatagram& datagram : output.outside) transmit(node, datagram);
}

void World::check_books(const Node& node) const {
  const PacketCounts n = node.tunnel->packet_counts();
  const Node::Seen& seen = node.seen;
  const bool out = n.read == n.sent + n.dropped_out + n.waiting;
  const bool in = n.received == n.delivered + n.handshakes + n.keepalives + n.dropped_in;
  const bool as_seen =
      n.read == seen.read && n.sent == seen.sent && n.received == seen.received && n.delivered == seen.delivered;
  if (out && in && as_seen && seen.drops == n.dropped_out + n.dropped_in) return;
  throw std::logic_error("the books of node " + std::to_string(node.id) + " do not add up: read " +
                         std::to_string(n.read) + ", sent " + std::to_string(n.sent) + ", dropped " +
                         std::to_string(n.dropped_out) + ", waiting " + std::to_string(n.waiting) + "; received " +
                         std::to_string(n.received) + ", delivered " + std::to_string(n.delivered) + ", handshakes " +
                         std::to_string(n.handshakes) + ", keepalives " + std::to_string(n.keepalives) + ", dropped " +
                         std::to_string(n.dropped_in));
}

void World::transmit(Node& from, const OutsideDatagram& out) {
  auto datagram = std::make_shared<Datagram>(Datagram{out.octets, from.here, out.to, out.tos});
  if (from.nat != nullptr) datagram->from = from.nat->translate_out(now_, from.here, out.to);
  last_known_[datagram->from] = from.id;
  if (tap) tap(*datagram);
  const Node* to = whose(out.to);
  if (to == nullptr) return;  // an address that never was anybody's
  const auto fate = std::make_shared<Fate>(Fate{&wire(from, *to), kind_of(out.octets), 1});
  fate->wire->note_sent(now_, fate->kind);
  const Conditions& conditions = path(from, *to);
  if (conditions.cut || rng_.chance(conditions.loss)) return fate->wire->note_lost(fate->kind);
  if (rng_.chance(conditions.duplication)) {
    ++fate->under_way;
    launch(datagram, conditions, fate);
  }
  launch(datagram, conditions, fate);
}

void World::launch(const std::shared_ptr<const Datagram>& datagram, const Conditions& conditions,
                   const std::shared_ptr<Fate>& fate) {
  Duration delay = conditions.delay + rng_.between(Duration(0), conditions.jitter);
  if (rng_.chance(conditions.reordering)) delay += conditions.late;
  at(now_ + delay, [this, datagram, fate, generation = first_to_arrive_] {
    fate->arrived |= generation >= first_to_arrive_ && arrive(*datagram);
    if (--fate->under_way == 0 && !fate->arrived) fate->wire->note_lost(fate->kind);
  });
}

bool World::arrive(const Datagram& datagram) {
  Node* node = reached_by(datagram);
  if (node == nullptr || !node->is_up()) return false;
  ++node->seen.received;
  carry_out(*node, node->tunnel->from_outside(node->clocks(now_), datagram.octets, datagram.from, datagram.tos));
  return true;
}

Node* World::reached_by(const Datagram& datagram) {
  Endpoint to = datagram.to;
  const Nat* through = nullptr;
  for (const auto& nat : nats_) {
    if (nat->public_address() != to.address) continue;
    const auto inner = nat->translate_in(now_, to.port, datagram.from);
    if (!inner) return nullptr;
    to = *inner;
    through = nat.get();
  }
  for (const auto& node : nodes_)
    if (node->nat == through && node->here == to) return node.get();
  return nullptr;
}

Node* World::whose(const Endpoint& endpoint) {
  for (const auto& node : nodes_)
    if (node->nat == nullptr && node->here == endpoint) return node.get();
  for (const auto& nat : nats_) {
    const auto inner = nat->public_address() == endpoint.address ? nat->behind(endpoint.port) : std::nullopt;
    for (const auto& node : nodes_)
      if (inner && node->nat == nat.get() && node->here == *inner) return node.get();
  }
  const auto known = last_known_.find(endpoint);
  return known == last_known_.end() ? nullptr : nodes_[known->second].get();
}

// Time

void World::at(Time when, std::function<void()> what) {
  queue_.push_back({std::max(when, now_), scheduled_++, std::move(what)});
  std::push_heap(queue_.begin(), queue_.end());
}

void World::run_until(Time end) {
  for (;;) {
    Node* soonest = nullptr;
    Time deadline = Time::max();
    for (const auto& node : nodes_) {
      const auto d = node->deadline();
      if (d && *d < deadline) {
        deadline = *d;
        soonest = node.get();
      }
    }
    const Time event = queue_.empty() ? Time::max() : queue_.front().at;
    if (std::min(event, deadline) > end) break;
    if (event <= std::max(deadline, now_)) {
      now_ = event;
      std::pop_heap(queue_.begin(), queue_.end());
      const auto what = std::move(queue_.back().what);
      queue_.pop_back();
      what();
    } else {
      now_ = std::max(now_, deadline);
      run_timers_of(*soonest);
    }
  }
  now_ = end;
}

void World::run_timers_of(Node& node) {
  if (now_ > last_timers_) timers_without_progress_ = 0;
  last_timers_ = now_;
  if (++timers_without_progress_ > 100)
    throw std::logic_error("node " + std::to_string(node.id) + " asks for its timers at one instant for ever");
  carry_out(node, node.tunnel->run_timers(node.clocks(now_)));
}

}  // namespace culvert::sim
