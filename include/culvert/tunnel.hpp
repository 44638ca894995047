// SPDX-License-Identifier: MIT
// A whole WireGuard interface as a value-in, value-out library: no socket, no clock, no thread, no logging.
//
//   Tunnel tunnel(private_key, entropy);
//   tunnel.add_peer(now, {...});
//   Output out = tunnel.from_inside(now, ip_packet);         // an IP packet wants to leave
//   Output out = tunnel.from_outside(now, datagram, sender); // a UDP datagram arrived
//   Output out = tunnel.run_timers(now);                     // at next_deadline()
//
// After each call, send `out.outside` and deliver `out.inside`. The daemon's lanes do the same on trains, in place.
#pragma once

#include <memory>
#include <vector>

#include <culvert/address.hpp>
#include <culvert/drop.hpp>
#include <culvert/entropy.hpp>
#include <culvert/keys.hpp>
#include <culvert/time.hpp>

namespace culvert {

struct PeerSettings {
  PublicKey public_key;
  PresharedKey preshared_key;
  std::optional<Endpoint> endpoint;  // none: the peer must call first
  std::vector<Prefix> allowed_ips;
  std::chrono::seconds persistent_keepalive{0};  // 0: off; at most 65535
};

struct PeerStatus {
  std::optional<Endpoint> endpoint;
  std::optional<UnixTime> last_handshake;
  std::uint64_t octets_sent = 0;  // of authenticated messages, headers and tags included
  std::uint64_t octets_received = 0;
};

/// The books of packets: of all that came in, what became of it. After each call both sums hold exactly.
struct PacketCounts {
  // read == sent + dropped_out + waiting
  std::uint64_t read = 0;         // packets that `from_inside` took
  std::uint64_t sent = 0;         // of these, in `outside`
  std::uint64_t dropped_out = 0;  // waiting packets of a removed peer among them, which no Output tells
  std::uint64_t waiting = 0;      // for a session
  // received == delivered + handshakes + keepalives + dropped_in
  std::uint64_t received = 0;   // datagrams that `from_outside` took
  std::uint64_t delivered = 0;  // of these, in `inside`
  std::uint64_t handshakes = 0;
  std::uint64_t keepalives = 0;
  std::uint64_t dropped_in = 0;
};

/// A UDP payload to send. `tos` is the whole octet: DSCP and ECN.
struct OutsideDatagram {
  std::vector<std::uint8_t> octets;
  Endpoint to;
  std::uint8_t tos = 0;
};

struct Output {
  std::vector<OutsideDatagram> outside;
  std::vector<std::vector<std::uint8_t>> inside;  // IP packets, in order
  std::vector<Drop> drops;                        // why something was dropped or refused during this call
};

class Tunnel {
 public:
  /// \param entropy  outlives the tunnel. \param mtu  of the inside, in octets. Starts libsodium; ends the process
  /// when that has no randomness.
  Tunnel(PrivateKey key, Entropy& entropy, std::size_t mtu = 1420);
  Tunnel(Tunnel&&) noexcept;
  Tunnel& operator=(Tunnel&&) noexcept;
  ~Tunnel();

  [[nodiscard]] const PublicKey& public_key() const noexcept;

  /// Adds a peer, or replaces the settings of the one with this key: all but its endpoint, which stays where it is when
  /// none is given. Its sessions live on. Our own key is ignored.
  Output add_peer(Now now, PeerSettings settings);
  /// Its sessions are wiped. An unknown key changes nothing.
  void remove_peer(const PublicKey& key);
  [[nodiscard]] std::optional<PeerStatus> status(const PublicKey& key) const;
  [[nodiscard]] PacketCounts packet_counts() const noexcept;

  /// Seals an IP packet for the peer that owns its destination; without a session it waits (128 a peer, the oldest
  /// dropped first) and a handshake starts.
  Output from_inside(Now now, Bytes packet);

  /// Opens or answers a UDP payload. `tos` is the outer octet, for its ECN bits.
  Output from_outside(Now now, Bytes datagram, const Endpoint& from, std::uint8_t tos = 0);

  Output run_timers(Now now);
  /// nullopt: nothing is due before something happens.
  [[nodiscard]] std::optional<Instant> next_deadline() const noexcept;

  /// Under load, senders of handshakes must prove their address by a cookie first.
  enum class Cookies : std::uint8_t { not_asked, demanded };
  void set_cookies(Cookies cookies) noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace culvert
