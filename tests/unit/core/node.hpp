// SPDX-License-Identifier: MIT
// A device and its lanes in one thread, open to look into: what the daemon spreads over threads. Lanes and control tell
// each other everything at once. `Pair` is two of them with a network between.
#pragma once

#include <deque>
#include <ip_packets.hpp>
#include <seeded_entropy.hpp>
#include <test_clock.hpp>

#include "data_path.hpp"
#include "device.hpp"
#include "golden.hpp"
#include "lane_index.hpp"

namespace culvert::test {

using Packet = std::vector<std::uint8_t>;

struct Datagram {
  Packet octets;
  Endpoint to;
  std::uint8_t tos = 0;
};

/// What one call brought about.
struct Step {
  std::vector<Datagram> outside;
  std::vector<Packet> inside;
  std::vector<Drop> drops;
  std::vector<Event> events;

  [[nodiscard]] std::size_t count(Event::Kind kind) const {
    return static_cast<std::size_t>(std::ranges::count(events, kind, &Event::kind));
  }
  [[nodiscard]] bool dropped(Drop drop) const { return drops == std::vector{drop}; }
  [[nodiscard]] bool silent() const { return outside.empty() && inside.empty(); }
};

class Node {
 public:
  Node(TestClock& clock, std::string_view key, std::uint64_t seed, std::size_t lane_count = 1)
      : clock_(clock), entropy(seed), device(lane_count, entropy) {
    for (std::size_t lane = 0; lane < lane_count; ++lane) lanes.emplace_back(lane, lane_count, 1420);
    Actions actions;
    if (!key.empty()) device.set_private_key(clock.now(), private_key(key), actions);
    device.set_link(clock.now(), Link::up, actions);
    (void)carry_out(std::move(actions));
  }
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  PeerId add(std::string_view key, std::optional<Endpoint> to, std::initializer_list<std::string_view> prefixes) {
    Actions actions;
    const auto id = device.add_peer(public_key(key), actions);
    if (!id) throw std::length_error("no room for a peer");
    if (to) device.set_endpoint(*id, *to, actions);
    for (const std::string_view p : prefixes) device.add_allowed_ip(*id, prefix(p), actions);
    (void)carry_out(std::move(actions));
    return *id;
  }

  /// A configuration call: node.tell([&](Device& d, Actions& a) { d.remove_peer(id, a); })
  template <class Call>
  Step tell(Call&& call) {
    Actions actions;
    call(device, actions);
    return carry_out(std::move(actions));
  }

  Step from_inside(Bytes packet, std::size_t lane = 0) {
    Step step;
    const auto peer = lanes[lane].route(packet);
    if (peer)
      seal(lanes[lane], **peer, packet, step);
    else
      step.drops.push_back(peer.error());
    settle({}, step);
    return step;
  }

  Step from_outside(Bytes datagram, const Endpoint& from, Load load = Load::normal, std::uint8_t tos = 0) {
    Step step;
    Actions actions;
    Result<void, Drop> outcome;
    if (wire::classify(datagram) == wire::Type::data)
      outcome = open(datagram, from, tos, step);
    else if (const auto screened = device.screen(datagram); !screened)
      outcome = Err{screened.error()};
    else
      outcome = device.handle(clock_.now(), datagram, from, std::nullopt, load, actions);
    if (!outcome) step.drops.push_back(outcome.error());
    settle(std::move(actions), step);
    return step;
  }

  Step report(const Report& report) {
    Actions actions;
    device.handle(clock_.now(), report, actions);
    return carry_out(std::move(actions));
  }

  /// All that is due by now.
  Step timers() {
    for (DataPath& lane : lanes) lane.tell_moves(clock_.mono(), reports_);
    Actions actions;
    device.run_timers(clock_.now(), actions);
    return carry_out(std::move(actions));
  }

  /// The deadline is exact: moves the clock there first. False: there is none.
  bool sleep() {
    const auto deadline = device.next_deadline();
    if (!deadline) return false;
    clock_.advance_to(*deadline);
    return true;
  }

  Step carry_out(Actions actions) {
    Step step;
    settle(std::move(actions), step);
    return step;
  }

  [[nodiscard]] const Peer& peer(PeerId id) const {
    const Peer* found = device.peer(id);
    if (found == nullptr) throw std::out_of_range("no such peer");
    return *found;
  }

 private:
  void settle(Actions actions, Step& step) {
    for (;;) {
      for (const Outgoing& o : actions.outgoing)
        step.outside.push_back(
            {{o.octets.begin(), o.octets.begin() + static_cast<std::ptrdiff_t>(o.size)}, o.to, o.tos});
      step.events.insert(step.events.end(), actions.events.begin(), actions.events.end());
      for (const Post& post : actions.posts)
        for (std::size_t lane = 0; lane < lanes.size(); ++lane)
          if (post.to.include(lane)) apply(lanes[lane], post.change, step);
      if (reports_.empty()) return;
      actions = {};
      for (const Report& report : std::exchange(reports_, {})) device.handle(clock_.now(), report, actions);
    }
  }

  void apply(DataPath& path, Change change, Step& step) {
    using What = DataPath::Todo::What;
    const DataPath::Todo todo = path.apply(std::move(change));
    if (todo.peer == nullptr || todo.what == What::nothing) return;
    bool sent = false;
    if (todo.what != What::send_keepalive)
      for (const Packet& packet : path.take_staged(*todo.peer)) sent |= seal(path, *todo.peer, packet, step);
    if (todo.what != What::flush_staged && !sent) seal(path, *todo.peer, {}, step);
  }

  bool seal(DataPath& path, DataPath::Peer& peer, Bytes packet, Step& step) {
    const auto job = path.begin_seal(clock_.mono(), peer, 1, reports_);
    if (job) {
      Packet plaintext(packet.begin(), packet.end());
      plaintext.resize(path.padded(packet.size()));
      step.outside.push_back({data_message(job->session->keys.send, job->session->remote_index, job->first, plaintext),
                              *peer.endpoint, 0});
      path.sent(clock_.mono(), peer, packet.empty() ? Carries::nothing : Carries::data,
                step.outside.back().octets.size(), reports_);
    } else if (!packet.empty()) {
      path.stage(peer, packet);
    }
    return job.has_value();
  }

  Result<void, Drop> open(Bytes datagram, const Endpoint& from, std::uint8_t tos, Step& step) {
    const auto header = wire::load<wire::DataHeader>(datagram);
    DataPath& path = lanes[wire::lane_of(header.receiver, lanes.size())];
    const auto session = path.begin_open(clock_.mono(), header.receiver);
    if (!session) return Err{session.error()};
    Packet plaintext(datagram.size() - 32);
    if (!crypto::open((*session)->keys.receive, header.counter, datagram.subspan(16), {}, plaintext))
      return Err{Drop::bad_tag};
    if (auto committed = path.commit(**session, header.counter); !committed) return committed;
    const Carries carries = plaintext.empty() ? Carries::nothing : Carries::data;
    path.heard(clock_.mono(), **session, from, std::nullopt, carries, datagram.size(), reports_);
    if (plaintext.empty()) return {};
    const auto packet = path.admit(**session, static_cast<wire::Ecn>(tos & 3), plaintext);
    if (!packet) return Err{packet.error()};
    step.inside.emplace_back(packet->begin(), packet->end());
    return {};
  }

  TestClock& clock_;
  Reports reports_;

 public:
  SeededEntropy entropy;
  Device device;
  std::deque<DataPath> lanes;
};

/// a calls b, which does not know where a is.
struct Pair {
  TestClock clock;
  Node a, b;
  Endpoint at_a = endpoint("192.0.2.1:1001");
  Endpoint at_b = endpoint("192.0.2.2:1002");
  PeerId b_of_a, a_of_b;

  explicit Pair(std::size_t lanes = 1) : a(clock, kInitiatorPrivate, 1, lanes), b(clock, kResponderPrivate, 2, lanes) {
    b_of_a = a.add(kResponderPublic, at_b, {"10.0.0.2/32", "fd00::2/128"});
    a_of_b = b.add(kInitiatorPublic, std::nullopt, {"10.0.0.1/32", "fd00::1/128"});
  }

  [[nodiscard]] static Packet to_b(std::size_t octets = 100) {
    return udp_packet({.source = "10.0.0.1", .destination = "10.0.0.2", .octets = octets});
  }
  [[nodiscard]] static Packet to_a(std::size_t octets = 100) {
    return udp_packet({.source = "10.0.0.2", .destination = "10.0.0.1", .octets = octets});
  }

  Step hand_to_b(const Step& from_a) { return hand(from_a, b, at_a); }
  Step hand_to_a(const Step& from_b) { return hand(from_b, a, at_b); }

  /// To and fro until neither has anything to say; all that came inside, and all that was dropped, at either end.
  Step run(Step from_a) {
    Step all;
    while (!from_a.outside.empty()) {
      const Step from_b = hand_to_b(from_a);
      collect(from_b, all);
      from_a = hand_to_a(from_b);
      collect(from_a, all);
    }
    return all;
  }

  /// A session of a's making, confirmed.
  void connect() {
    const Step step = run(a.from_inside(to_b()));
    if (step.inside.size() != 1 || !step.drops.empty()) throw std::logic_error("no handshake");
  }

 private:
  static Step hand(const Step& from, Node& to, const Endpoint& source) {
    Step all;
    for (const Datagram& datagram : from.outside) {
      const Step step = to.from_outside(datagram.octets, source, Load::normal, datagram.tos);
      all.outside.insert(all.outside.end(), step.outside.begin(), step.outside.end());
      collect(step, all);
    }
    return all;
  }
  static void collect(const Step& from, Step& into) {
    into.inside.insert(into.inside.end(), from.inside.begin(), from.inside.end());
    into.drops.insert(into.drops.end(), from.drops.begin(), from.drops.end());
    into.events.insert(into.events.end(), from.events.begin(), from.events.end());
  }
};

/// Somebody with a key who writes handshake messages by hand.
struct Caller {
  KeyPair self;
  PublicKey peer;
  CookieHolder cookie;
  SeededEntropy entropy{99};

  Caller(std::string_view key, std::string_view to) : self(key_pair(key)), peer(public_key(to)) {}

  MadeInitiation call(Instant now, UnixTime wall, std::uint32_t index = 0x11223344) {
    return call_at(now, stamp_of(wall), index);
  }
  MadeInitiation call_at(Instant now, const Stamp& stamp, std::uint32_t index = 0x11223344) {
    KeyPair ephemeral{crypto::generate_private_key(entropy), {}};
    ephemeral.public_key = crypto::public_key(ephemeral.private_key);
    auto made = make_initiation(self, peer, shared(self, peer), std::move(ephemeral), stamp, index);
    if (!made) throw std::invalid_argument("a key of low order");
    cookie.stamp(now, peer, made->message);
    return std::move(*made);
  }
};

inline Packet octets_of(const auto& message) {
  const Bytes view = wire::octets(message);
  return {view.begin(), view.end()};
}

}  // namespace culvert::test
