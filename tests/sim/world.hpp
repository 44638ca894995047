// SPDX-License-Identifier: MIT
// A small world in which time passes only when nothing else is left to do: nodes with a Tunnel each, a network between
// them that loses, doubles, delays and reorders, and books of all that was sent. One seed decides everything, so the
// same test plays the same way each time.
//
// Read node.hpp (a machine), ledger.hpp (the books), nat.hpp, then this. A test makes a World, adds nodes, introduces
// them, lets traffic flow with `send` or `traffic`, lets time pass with `run_for`, and then reads `flow` (inside) and
// `wire` (outside).
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "node.hpp"

namespace culvert::sim {

using namespace std::chrono_literals;

/// What happens to datagrams on the way from one node to another.
struct Conditions {
  Duration delay = 20ms;
  Duration jitter{};       // more delay, up to this
  double loss = 0;         // share of datagrams
  double duplication = 0;  // the copy has a delay of its own
  double reordering = 0;   // share that waits for `late` more
  Duration late{};
  bool cut = false;
};

struct Introduction {
  bool a_knows_b = true, b_knows_a = true;  // the endpoint
  Octets<32> psk_of_a{}, psk_of_b{};
  std::chrono::seconds keepalive_of_a{0}, keepalive_of_b{0};
};

struct Datagram {
  std::vector<std::uint8_t> octets;
  Endpoint from, to;
  std::uint8_t tos = 0;
};

class World {
 public:
  explicit World(std::uint64_t seed);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  [[nodiscard]] Time now() const { return now_; }
  [[nodiscard]] Rng& rng() { return rng_; }

  /// A node that is up, has no peers yet, and draws its randomness from `seed`, or from the world's.
  Node& add(std::optional<std::uint64_t> seed = std::nullopt);
  /// Each becomes a peer of the other, with its inside address as the allowed IP.
  void introduce(Node& a, Node& b, const Introduction& how = {});
  /// Removes a peer from a running node and from its configuration.
  void forget(Node& node, const Node& peer);
  /// Tells a running node, and its configuration, where a peer is.
  void tell(Node& node, const Node& peer, const Endpoint& endpoint);
  /// Sets the persistent keepalive of a peer; 0: off.
  void reconfigure(Node& node, const Node& peer, std::chrono::seconds keepalive);
  /// What others see of a node that is not behind a NAT.
  [[nodiscard]] static Endpoint seen(const Node& node) { return node.here; }

  // The network

  [[nodiscard]] Conditions& path(const Node& from, const Node& to) { return paths_[{from.id, to.id}]; }
  void paths(const Node& a, const Node& b, const Conditions& both) { path(a, b) = path(b, a) = both; }
  void cut(const Node& a, const Node& b) { path(a, b).cut = path(b, a).cut = true; }
  void mend(const Node& a, const Node& b) { path(a, b).cut = path(b, a).cut = false; }
  /// What is under way does not arrive.
  void lose_all_under_way() { ++first_to_arrive_; }
  [[nodiscard]] Nat& add_nat(std::uint8_t last_octet, Duration idle = 60s);
  /// The node's address changes. No running tunnel is told; peers that start later find it in their configuration.
  void move(Node& node, std::uint8_t last_octet);
  /// Puts a datagram on the way again, as an attacker would who recorded it.
  void replay(const Datagram& datagram) { (void)arrive(datagram); }
  /// Sees every datagram as it leaves, after any NAT.
  std::function<void(const Datagram&)> tap;

  // The nodes' lives

  void stop(Node& node) { node.tunnel.reset(); }
  /// With the same keys and peers, and nothing remembered.
  void start(Node& node);
  void restart(Node& node) { stop(node), start(node); }
  void demand_cookies(Node& node, Tunnel::Cookies cookies);
  /// Asleep nodes hear nothing, send nothing and run no timers, but their boot-time clock goes on.
  void sleep(Node& node, Duration how_long);

  // Inside

  /// One numbered packet. A node that is down or asleep sends nothing and counts nothing.
  void send(Node& from, const Node& to);
  /// A packet with the source address of somebody else; it counts as wrong wherever it comes out.
  void forge(Node& from, const Node& pretended, const Node& to);
  /// One packet every `period` until `until`.
  void traffic(Node& from, const Node& to, Duration period, Time until);
  [[nodiscard]] Flow& flow(const Node& from, const Node& to) { return flows_[{from.id, to.id}]; }
  /// Packets that came out at a node which they were not for, or were not whole.
  [[nodiscard]] std::uint64_t wrong_deliveries() const { return wrong_; }
  [[nodiscard]] std::uint64_t duplicates() const;

  // Outside

  [[nodiscard]] Wire& wire(const Node& from, const Node& to) { return wires_[{from.id, to.id}]; }
  /// Handshakes answered between the two, by either.
  [[nodiscard]] std::uint64_t handshakes(const Node& a, const Node& b) {
    return wire(a, b).of(Kind::response) + wire(b, a).of(Kind::response);
  }

  // Time

  void at(Time when, std::function<void()> what);
  void run_until(Time end);
  void run_for(Duration how_long) { run_until(now_ + how_long); }

 private:
  using Pair = std::pair<std::size_t, std::size_t>;
  struct Scheduled {
    Time at;
    std::uint64_t order;  // events of one instant happen in the order in which they were scheduled
    std::function<void()> what;
    friend bool operator<(const Scheduled& a, const Scheduled& b) {  // for a heap with the soonest on top
      return a.at != b.at ? a.at > b.at : a.order > b.order;
    }
  };
  struct Fate {  // of one datagram with all its copies
    Wire* wire;
    Kind kind;
    unsigned under_way;
    bool arrived = false;
  };

  void change_peer(Node& node, const Node& peer, const std::function<void(PeerConfig&)>& change);
  void add_peer(Node& node, const PeerConfig& config);
  /// Throws when a packet is in no term of a tunnel's books, or in two.
  void check_books(const Node& node) const;
  void carry_out(Node& node, const Output& output);
  void transmit(Node& from, const OutsideDatagram& datagram);
  void launch(const std::shared_ptr<const Datagram>& datagram, const Conditions& conditions,
              const std::shared_ptr<Fate>& fate);
  [[nodiscard]] bool arrive(const Datagram& datagram);
  void deliver(Node& at, Bytes packet);
  [[nodiscard]] Node* whose(const Endpoint& endpoint);
  [[nodiscard]] Node* reached_by(const Datagram& datagram);
  void run_timers_of(Node& node);

  Rng rng_;
  Time now_{};
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<Nat>> nats_;
  std::map<Pair, Conditions> paths_;
  std::map<Pair, Flow> flows_;
  std::map<Pair, Wire> wires_;
  std::map<Endpoint, std::size_t> last_known_;  // who was last seen at an endpoint
  std::vector<Scheduled> queue_;                // a heap
  std::uint64_t scheduled_ = 0;
  std::uint64_t first_to_arrive_ = 0;  // the generation of datagrams that may
  std::uint64_t wrong_ = 0;
  Time last_timers_{};
  unsigned timers_without_progress_ = 0;
};

}  // namespace culvert::sim
