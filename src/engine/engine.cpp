// SPDX-License-Identifier: MIT
#include "engine.hpp"

#include "engine_state.hpp"
#include "peers_after.hpp"
#include "tun_system_queue.hpp"

namespace culvert::engine {

Engine::State::State(asio::io_context& context_, io::Tun tun, EngineOptions options_, OutsideDoor door_,
                     EngineHandlers handlers_)
    : context(context_),
      options(options_),
      door(std::move(door_)),
      handlers(std::move(handlers_)),
      device(tun.queues.size(), entropy) {
  options.outside.lanes = tun.queues.size();
  inside_offload = tun.offload;
  lane_sockets.resize(tun.queues.size());
  for (std::size_t i = 0; i < tun.queues.size(); ++i) {
    io::UniqueFd writer = tun.writers.empty() ? io::UniqueFd() : std::move(tun.writers[i]);
    const LaneOptions lane{
        .lane = i, .lanes = tun.queues.size(), .mtu = options.mtu, .coalesce = io::coalesce_options(tun.offload)};
    lanes.push_back(std::make_unique<Lane>(
        lane, io::make_tun_queue(std::move(tun.queues[i]), std::move(writer), tun.offload), *options.aead, wakeup));
  }
  wakeup_watch = std::make_unique<Watch>(context, wakeup.descriptor(), [this] {
    wakeup.clear();
    take_lane_reports();
    turn();
    if (capture && handlers.captured) handlers.captured();
  });
  timer_watch = std::make_unique<Watch>(context, timer.descriptor(), [this] {
    timer.clear();
    timer_set.reset();
    turn();
  });
}

Engine::Engine(asio::io_context& context, io::Tun tun, EngineOptions options, OutsideDoor door, EngineHandlers handlers)
    : state_(std::make_unique<State>(context, std::move(tun), options, std::move(door), std::move(handlers))) {}

Engine::~Engine() {
  state_->lanes.clear();
  state_->close_sockets();
}

namespace {

/// 0: as usual.
std::uint32_t or_usual(std::uint32_t limit, std::uint32_t usual) noexcept { return limit != 0 ? limit : usual; }

std::size_t most_peers_of(std::uint32_t limit) noexcept {
  return std::min<std::size_t>(or_usual(limit, params::kMaxPeers), params::kMaxPeers);
}

}  // namespace

bool Engine::State::exceeds_peers(const SetRequest& request) const {
  const std::size_t most = request.limits.peers ? most_peers_of(*request.limits.peers) : most_peers;
  const std::size_t count = peers_after(device, request);
  // Those that are there stay when the bound comes down on them, and may be changed.
  return count > most && (request.replace_peers || count > device.peer_count());
}

Result<void, io::SystemError> Engine::apply(SetRequest&& request) {
  State& s = *state_;
  if (s.exceeds_peers(request)) return Err{io::SystemError{ENOSPC, "add the peers"}};

  const std::uint32_t mark = request.fwmark.value_or(s.fwmark);
  const std::uint16_t wanted = request.listen_port.value_or(s.wanted_port);
  if (s.link == Link::up && wanted != s.wanted_port && wanted != s.port) {
    if (auto opened = s.open_sockets(wanted, mark); !opened) return opened;
  } else if (mark != s.fwmark && s.link == Link::up) {
    if (auto marked = s.door.mark(mark); !marked) return marked;
  }
  s.wanted_port = wanted;
  if (s.link == Link::down && request.listen_port) s.port = wanted;
  s.fwmark = mark;

  const Now now = read_now();
  Actions actions;
  s.set_limits(request.limits, actions);
  if (request.private_key) s.device.set_private_key(now, std::move(*request.private_key), actions);
  if (request.replace_peers) {
    std::vector<PeerId> all;
    s.device.for_each_peer([&](const Peer& peer) { all.push_back(peer.id); });
    for (const PeerId id : all) s.device.remove_peer(id, actions);
  }
  for (const bool removals : {true, false})
    for (PeerChange& change : request.peers)
      if (change.remove == removals) s.change_peer(now, change, actions);
  if (request.network_changed) s.device.network_changed(actions);
  s.deliver(now, std::move(actions));
  s.tell_taps();
  s.rearm();
  return {};
}

void Engine::State::set_limits(const LimitsChange& limits, Actions& actions) {
  if (limits.peers) most_peers = most_peers_of(*limits.peers);
  if (limits.handshakes_per_second) {
    handshakes_per_second = or_usual(*limits.handshakes_per_second, params::kTokensPerSecond);
    device.set_handshake_rate(handshakes_per_second);
    for (ControlSocket* control : {&v4, &v6})
      if (control->senders) control->senders->set_share(handshakes_per_second);
  }
  if (limits.staged_packets) actions.post(change::StagedLimitSet{or_usual(*limits.staged_packets, params::kMaxStaged)});
}

void Engine::State::change_peer(Now now, PeerChange& change, Actions& actions) {
  if (device.has_identity() && change.public_key == device.identity().public_key) return;
  auto id = device.find(change.public_key);
  if (change.remove) {
    if (id) device.remove_peer(*id, actions);
    return;
  }
  if (!id && change.update_only) return;
  if (!id) id = device.add_peer(change.public_key, actions);
  if (!id) return;
  diagnosis.peer_added(change.public_key);
  if (change.preshared_key) device.set_preshared_key(*id, std::move(*change.preshared_key));
  if (change.name) device.set_name(*id, std::move(*change.name));
  if (change.past) device.set_past(*id, *change.past);
  if (change.blocked) device.set_blocked(now, *id, *change.blocked, actions);
  if (change.blocked == Blocked::no) diagnosis.let_in(*id);
  if (change.endpoint) {
    device.set_endpoint(*id, *change.endpoint, actions);
    diagnosis.endpoint_configured(*id);
  }
  if (change.replace_allowed_ips) device.clear_allowed_ips(*id, actions);
  for (const AllowedIpChange& ip : change.allowed_ips) {
    if (ip.action == AllowedIpChange::Action::add)
      device.add_allowed_ip(*id, ip.prefix, actions);
    else
      device.remove_allowed_ip(*id, ip.prefix, actions);
  }
  if (change.persistent_keepalive) device.set_persistent_keepalive(now, *id, *change.persistent_keepalive, actions);
}

DeviceSnapshot Engine::snapshot() const {
  const State& s = *state_;
  DeviceSnapshot shot;
  if (s.device.has_identity()) shot.private_key = s.device.identity().private_key.clone();
  shot.listen_port = s.port;
  shot.fwmark = s.fwmark;
  shot.peers.reserve(s.device.peer_count());
  s.device.for_each_peer([&](const Peer& peer) {
    shot.peers.push_back({.public_key = peer.public_key,
                          .name = peer.name,
                          .blocked = peer.blocked,
                          .preshared_key = peer.preshared_key.clone(),
                          .endpoint = peer.endpoint,
                          .persistent_keepalive = peer.persistent_interval,
                          .received_octets = peer.octets_received(),
                          .sent_octets = peer.octets_sent(),
                          .past = peer.past,
                          .last_handshake = peer.last_handshake.value_or(UnixTime{}),
                          .allowed_ips = s.device.allowed_ips().of(peer.id.slot)});
  });
  return shot;
}

Result<void, io::SystemError> Engine::set_link(Link link) {
  State& s = *state_;
  if (s.link == link) return {};
  if (link == Link::up) {
    // A port that was chosen once is kept, so that peers find us again; if it has been taken, any other will do.
    auto opened = s.open_sockets(s.wanted_port != 0 ? s.wanted_port : s.port, s.fwmark);
    if (!opened && s.wanted_port == 0) opened = s.open_sockets(0, s.fwmark);
    if (!opened) return opened;
  }
  s.link = link;
  if (link == Link::up) {
    for (const auto& lane : s.lanes) {
      std::vector<LaneMail> news;
      news.emplace_back(mail::LinkCameUp{});
      lane->post(std::move(news));
    }
  }
  const Now now = read_now();
  Actions actions;
  s.device.set_link(now, link, actions);
  s.deliver(now, std::move(actions));
  if (link == Link::down) {
    s.close_sockets();
    s.tell_flood();
    s.door.closed();
  }
  s.rearm();
  return {};
}

void Engine::set_mtu(std::size_t mtu) {
  Actions actions;
  actions.post(change::MtuSet{mtu});
  state_->deliver(read_now(), std::move(actions));
}

PacketNumbers Engine::State::packet_numbers() const {
  PacketNumbers sums{.out = {},
                     .in = {.received = control_sockets.numbers().received_datagrams,
                            .handshakes = packets.handshakes,
                            .waiting = queue.size() + workers.under_way() - packets.taken_over},
                     .own = {.handshakes = packets.own_made, .sent = packets.own_sent}};
  add_drops(sums, drops);
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    sums.in.received += lane_sockets[i].numbers().received_datagrams;
    add_lane(sums, lanes[i]->packets(), lanes[i]->drops());
  }
  return sums;
}

EngineStatus Engine::status() const {
  const State& s = *state_;
  EngineStatus status{
      .aead = std::string(s.options.aead->name()),
      .public_key = s.device.has_identity() ? std::optional(s.device.identity().public_key) : std::nullopt,
      .inside_offload = s.inside_offload,
      .outside_offloads = s.outside_offloads,
      .link = s.link,
      .queued_handshakes = s.queue.size() + s.workers.under_way(),
      .load = s.queue.load(read_monotonic()),
      .thinned_senders = s.thinned_senders(),
      .packets = s.packet_numbers(),
      .control_outside = s.control_sockets.numbers(),
      .control_drops = numbers_of(s.drops),
      .lanes = {},
      .peers = {},
      .strange_networks = {},
      .strange_keys = {},
      .last_drops = {},
      .handshake_times = {}};
  for (std::size_t i = 0; i < s.lanes.size(); ++i) {
    const Lane& lane = *s.lanes[i];
    status.lanes.push_back({.inside = numbers_of(lane.tun_counters(), lane.coalesce_counters()),
                            .outside = s.lane_sockets[i].numbers(),
                            .drops = numbers_of(lane.drops())});
  }
  const Instant now = read_monotonic();
  status.peers.reserve(s.device.peer_count());
  s.device.for_each_peer(
      [&](const Peer& peer) { status.peers.push_back(report_on(peer, s.diagnosis.of(peer.id), s.link, now)); });
  status.strange_networks = s.diagnosis.strangers().networks();
  status.strange_keys = s.diagnosis.strangers().keys();
  status.last_drops = s.diagnosis.last_drops();
  status.handshake_times = s.diagnosis.handshake_times();
  return status;
}

}  // namespace culvert::engine
