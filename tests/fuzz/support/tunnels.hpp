// SPDX-License-Identifier: MIT
// Two tunnels that know each other, and what somebody in between may do who knows their public keys.
#pragma once

#include <seeded_entropy.hpp>
#include <test_clock.hpp>

#include <culvert/tunnel.hpp>

#include "hash.hpp"
#include "input.hpp"
#include "packets.hpp"

namespace culvert::fuzz {

using Datagram = std::vector<std::uint8_t>;

/// 10.0.0.`number` inside, 192.0.2.`number` outside.
struct Side {
  explicit Side(std::uint8_t number)
      : entropy(number), inside{Family::v4, {10, 0, 0, number}}, outside{{Family::v4, {192, 0, 2, number}}, 51820, 0} {
    test::SeededEntropy(std::uint64_t{100} + number).fill(key);
    restart();
  }
  /// All is forgotten but the key.
  void restart() { tunnel.emplace(PrivateKey{Secret<32>(key)}, entropy); }

  test::SeededEntropy entropy;
  Octets<32> key{};
  IpAddress inside;
  Endpoint outside;
  std::optional<Tunnel> tunnel;

  [[nodiscard]] PeerSettings as_peer() const {
    PeerSettings settings;
    settings.public_key = tunnel->public_key();
    settings.endpoint = outside;
    settings.allowed_ips = {{inside, 32}};
    return settings;
  }
};

struct Tunnels {
  Tunnels() {
    introduce(a, b);
    introduce(b, a);
  }
  void introduce(Side& side, const Side& peer) { (void)side.tunnel->add_peer(clock.now(), peer.as_peer()); }

  /// A session of A's making that both have used. What passed is in `passed`, oldest first.
  void connect() {
    const sim::Numbered first{a.inside, b.inside, 0};
    carry(a, b, a.tunnel->from_inside(clock.now(), sim::make_packet(first)));
    carry(b, a, b.tunnel->from_inside(clock.now(), sim::make_packet({b.inside, a.inside, 0})));
    require(delivered == 2, "two tunnels on a good network agree at once");
  }

  Side a{1}, b{2};
  test::TestClock clock;
  struct Passed {
    Datagram octets;
    bool to_b;
  };
  std::vector<Passed> passed;
  std::size_t delivered = 0;

 private:
  void carry(Side& from, Side& to, const Output& output) {
    for (const OutsideDatagram& datagram : output.outside) {
      passed.push_back({datagram.octets, &to == &b});
      const Output answer = to.tunnel->from_outside(clock.now(), datagram.octets, from.outside, datagram.tos);
      delivered += answer.inside.size();
      carry(to, from, answer);
    }
  }
};

/// Makes mac1 right for `receiver`, which takes nothing but its public key [W 5.4.4]; only messages of types 1 and 2
/// that are long enough have one.
inline void renew_mac1(Datagram& message, const PublicKey& receiver) {
  constexpr std::size_t kMacs = 32, kMac = 16;
  if (message.size() < kMacs || (message[0] != 1 && message[0] != 2)) return;
  static constexpr std::uint8_t kLabel[] = {'m', 'a', 'c', '1', '-', '-', '-', '-'};
  const Octets<32> mac1_key = crypto::hash({Bytes(kLabel), receiver.bytes()});
  const std::size_t at = message.size() - kMacs;
  const Octets<16> mac1 = crypto::mac(mac1_key, {Bytes(message).first(at)});
  std::copy_n(mac1.begin(), kMac, message.begin() + static_cast<std::ptrdiff_t>(at));
}

/// What a refused datagram must leave alone.
inline bool same(const std::optional<PeerStatus>& x, const std::optional<PeerStatus>& y) {
  if (x.has_value() != y.has_value()) return false;
  return !x || (x->endpoint == y->endpoint && x->last_handshake == y->last_handshake &&
                x->octets_sent == y->octets_sent && x->octets_received == y->octets_received);
}

/// Reasons that are found after the tag fitted: the sender is genuine, only the packet is not delivered.
inline bool is_of_inner_packet(Drop drop) {
  return drop == Drop::inner_malformed || drop == Drop::source_not_allowed || drop == Drop::ecn_mismatch;
}

inline std::size_t octets_of(const Output& output) {
  std::size_t n = 0;
  for (const OutsideDatagram& datagram : output.outside) n += datagram.octets.size();
  return n;
}

/// Hands `datagram` to `side` as from `from`, and checks what holds for every datagram that is refused: nothing comes
/// out inside, no longer answer than what came, and nothing known of the peer changed.
inline Output hand_over(Side& side, const PublicKey& peer, Now now, Bytes datagram, const Endpoint& from,
                        std::uint8_t tos) {
  const auto before = side.tunnel->status(peer);
  Output output = side.tunnel->from_outside(now, datagram, from, tos);
  if (output.drops.empty() || is_of_inner_packet(output.drops.front())) return output;
  require(output.inside.empty(), "nothing comes out of a refused datagram");
  require(octets_of(output) <= datagram.size(), "no answer to a refused datagram is longer than it");
  require(same(before, side.tunnel->status(peer)), "a refused datagram changes nothing known of the peer");
  return output;
}

}  // namespace culvert::fuzz
