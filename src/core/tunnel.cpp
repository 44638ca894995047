// SPDX-License-Identifier: MIT
// One Device and one DataPath in one thread: posts and reports are handed over at once, until none are left.
#include <culvert/tunnel.hpp>

#include <cstdlib>

#include "aead.hpp"
#include "data_path.hpp"
#include "device.hpp"

namespace culvert {
namespace {

Entropy& started(Entropy& entropy) {
  if (!crypto::initialise()) std::abort();
  return entropy;
}

const crypto::AeadBackend& backend() {
  static const crypto::AeadBackend* const chosen = crypto::choose_backend({});
  return *chosen;
}

}  // namespace

struct Tunnel::Impl {
  Impl(Entropy& entropy, std::size_t mtu) : device(1, started(entropy)), path(0, 1, mtu) {}

  Device device;
  DataPath path;
  Reports reports;
  std::uint64_t told_full = 0, told_gave_up = 0;  // drops of staged packets that an Output has told
  Cookies cookies = Cookies::not_asked;
  std::uint64_t received = 0, handshakes = 0;

  void drop(Way way, Drop reason, Output& out) {
    path.drops().count(way, reason);
    out.drops.push_back(reason);
  }

  // Staged packets are dropped, and counted, inside the path.
  void tell_staged_drops(Drop reason, std::uint64_t& told, Output& out) const {
    for (const std::uint64_t count = path.drops().of(reason); told < count; ++told) out.drops.push_back(reason);
  }

  // Hands posts to the path and reports to the device until both are content.
  void settle(Now now, Actions actions, Output& out) {
    path.tell_moves(now.mono, reports);
    for (;;) {
      for (const Outgoing& o : actions.outgoing)
        out.outside.push_back(
            {{o.octets.begin(), o.octets.begin() + static_cast<std::ptrdiff_t>(o.size)}, o.to, o.tos});
      for (Post& post : actions.posts)
        if (post.to.include(0)) carry_out(now, path.apply(std::move(post.change)), out);
      if (reports.empty()) break;
      actions = {};
      for (const Report& report : std::exchange(reports, {})) device.handle(now, report, actions);
    }
    tell_staged_drops(Drop::staging_full, told_full, out);
    tell_staged_drops(Drop::handshake_gave_up, told_gave_up, out);
  }

  void carry_out(Now now, const DataPath::Todo& todo, Output& out) {
    using What = DataPath::Todo::What;
    if (todo.peer == nullptr || todo.what == What::nothing) return;
    bool sent_any = false;
    if (todo.what != What::send_keepalive)
      for (const auto& packet : path.take_staged(*todo.peer)) sent_any |= seal(now, *todo.peer, packet, out);
    if (todo.what != What::flush_staged && !sent_any) seal(now, *todo.peer, {}, out);
  }

  // An empty packet is a keepalive: it is never staged.
  bool seal(Now now, DataPath::Peer& peer, Bytes packet, Output& out) {
    const auto job = path.begin_seal(now.mono, peer, 1, reports);
    if (!job) {
      if (!packet.empty()) path.stage(peer, packet);
      return false;
    }
    const std::size_t padded = packet.empty() ? 0 : path.padded(packet.size());
    OutsideDatagram datagram{std::vector<std::uint8_t>(padded + wire::kDataOverhead), *peer.endpoint, 0};
    wire::DataHeader header;
    header.receiver = job->session->remote_index;
    header.counter = job->first;
    wire::store(header, datagram.octets);
    std::copy(packet.begin(), packet.end(), datagram.octets.begin() + sizeof header);
    if (!packet.empty()) datagram.tos = static_cast<std::uint8_t>(wire::ecn(packet));
    backend().seal_train(job->session->keys.send, job->first, datagram.octets, datagram.octets.size());
    path.sent(now.mono, peer, packet.empty() ? Carries::nothing : Carries::data, datagram.octets.size(), reports);
    add_own(packet.empty() ? path.packets().own_sent : path.packets().sent, 1);
    out.outside.push_back(std::move(datagram));
    return true;
  }

  Result<void, Drop> open(Now now, Bytes datagram, const Endpoint& from, std::uint8_t tos, Output& out) {
    const auto header = wire::load<wire::DataHeader>(datagram);
    const auto session = path.begin_open(now.mono, header.receiver);
    if (!session) return Err{session.error()};
    std::vector<std::uint8_t> octets(datagram.begin(), datagram.end());
    std::uint8_t opened = 0;
    backend().open_train((*session)->keys.receive, octets, octets.size(), {&opened, 1});
    if (opened == 0) return Err{Drop::bad_tag};
    if (auto committed = path.commit(**session, header.counter); !committed) return committed;
    const MutBytes plaintext = MutBytes(octets).subspan(sizeof header, octets.size() - wire::kDataOverhead);
    const Carries carries = plaintext.empty() ? Carries::nothing : Carries::data;
    path.heard(now.mono, **session, from, std::nullopt, carries, octets.size(), reports);
    if (plaintext.empty()) {
      add_own(path.packets().keepalives, 1);
      return {};
    }
    const auto packet = path.admit(**session, static_cast<wire::Ecn>(tos & 3), plaintext);
    if (!packet) return Err{packet.error()};
    out.inside.emplace_back(packet->begin(), packet->end());
    add_own(path.packets().delivered, 1);
    return {};
  }
};

Tunnel::Tunnel(PrivateKey key, Entropy& entropy, std::size_t mtu) : impl_(std::make_unique<Impl>(entropy, mtu)) {
  Actions actions;
  impl_->device.set_private_key({}, std::move(key), actions);
  impl_->device.set_link({}, Link::up, actions);
}

Tunnel::Tunnel(Tunnel&&) noexcept = default;
Tunnel& Tunnel::operator=(Tunnel&&) noexcept = default;
Tunnel::~Tunnel() = default;

const PublicKey& Tunnel::public_key() const noexcept { return impl_->device.identity().public_key; }

Output Tunnel::add_peer(Now now, PeerSettings settings) {
  Output out;
  Actions actions;
  Device& device = impl_->device;
  if (device.has_identity() && settings.public_key == public_key()) return out;
  auto id = device.find(settings.public_key);
  if (!id) id = device.add_peer(settings.public_key, actions);
  if (!id) return out;
  device.set_preshared_key(*id, std::move(settings.preshared_key));
  if (settings.endpoint) device.set_endpoint(*id, *settings.endpoint, actions);
  device.clear_allowed_ips(*id, actions);
  for (const Prefix& prefix : settings.allowed_ips) device.add_allowed_ip(*id, prefix, actions);
  device.set_persistent_keepalive(now, *id, settings.persistent_keepalive, actions);
  impl_->settle(now, std::move(actions), out);
  return out;
}

void Tunnel::remove_peer(const PublicKey& key) {
  const auto id = impl_->device.find(key);
  if (!id) return;
  Output out;
  Actions actions;
  impl_->device.remove_peer(*id, actions);
  impl_->settle({}, std::move(actions), out);
}

std::optional<PeerStatus> Tunnel::status(const PublicKey& key) const {
  const auto id = impl_->device.find(key);
  if (!id) return std::nullopt;
  const Peer& peer = *impl_->device.peer(*id);
  // Where packets go: the device hears of a peer's moves a little later.
  return PeerStatus{impl_->path.find(*id)->endpoint, peer.last_handshake, peer.octets_sent(), peer.octets_received()};
}

PacketCounts Tunnel::packet_counts() const noexcept {
  const PacketCounters& packets = impl_->path.packets();
  PacketCounts counts{.read = packets.read,
                      .sent = packets.sent,
                      .waiting = packets.waiting,
                      .received = impl_->received,
                      .delivered = packets.delivered,
                      .handshakes = impl_->handshakes,
                      .keepalives = packets.keepalives};
  for (std::size_t i = 0; i < kDropCount; ++i) {
    counts.dropped_out += impl_->path.drops().of(Way::out, static_cast<Drop>(i));
    counts.dropped_in += impl_->path.drops().of(Way::in, static_cast<Drop>(i));
  }
  return counts;
}

Output Tunnel::from_inside(Now now, Bytes packet) {
  Output out;
  add_own(impl_->path.packets().read, 1);
  const auto peer = impl_->path.route(packet);
  if (!peer)
    impl_->drop(Way::out, peer.error(), out);
  else
    impl_->seal(now, **peer, packet, out);
  impl_->settle(now, {}, out);
  return out;
}

Output Tunnel::from_outside(Now now, Bytes datagram, const Endpoint& from, std::uint8_t tos) {
  Output out;
  Actions actions;
  Result<void, Drop> outcome;
  ++impl_->received;
  if (wire::classify(datagram) == wire::Type::data) {
    outcome = impl_->open(now, datagram, from, tos, out);
  } else if (const auto screened = impl_->device.screen(datagram); !screened) {
    outcome = Err{screened.error()};
  } else {
    const Load load = impl_->cookies == Cookies::demanded ? Load::heavy : Load::normal;
    outcome = impl_->device.handle(now, datagram, from, std::nullopt, load, actions);
    if (outcome) ++impl_->handshakes;
  }
  if (!outcome) impl_->drop(Way::in, outcome.error(), out);
  impl_->settle(now, std::move(actions), out);
  return out;
}

Output Tunnel::run_timers(Now now) {
  Output out;
  Actions actions;
  impl_->settle(now, {}, out);  // what is due may be sent to where a peer has moved
  impl_->device.run_timers(now, actions);
  impl_->settle(now, std::move(actions), out);
  return out;
}

std::optional<Instant> Tunnel::next_deadline() const noexcept { return impl_->device.next_deadline(); }

void Tunnel::set_cookies(Cookies cookies) noexcept { impl_->cookies = cookies; }

}  // namespace culvert
