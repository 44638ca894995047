// SPDX-License-Identifier: MIT
// The control half of the protocol: the device's identity, its peers, and every handshake. One thread owns it. It sees
// no data packet: lanes do (data_path.hpp), and tell what matters by `Report`s. All results come out as `Actions`.
//
//   device.cpp            configuration, and what `wg show` reads
//   device_door.cpp       what is asked of a handshake message before anything is computed
//   device_handshake.cpp  messages in, messages out
//   device_timers.cpp     reports of lanes, deadlines
#pragma once

#include <functional>
#include <set>
#include <unordered_map>
#include <vector>

#include "actions.hpp"
#include "allowed_ips.hpp"
#include "handshake_job.hpp"
#include "peer.hpp"
#include "rate_limiter.hpp"
#include "stranger_shares.hpp"

namespace culvert {

/// Is the queue of handshakes so long that senders must prove their address first? Busy: beyond a stranger's share;
/// crowded: all but those from whom nothing came lately; heavy: all of them.
enum class Load : std::uint8_t { normal, busy, crowded, heavy };
enum class Link : std::uint8_t { down, up };
/// What becomes of a message that the door did not refuse: it waits for its mathematics, or it is done with.
enum class Admission : std::uint8_t { waits, done };

class Device {
 public:
  /// \param lanes  how many DataPaths follow this device. \param entropy  outlives the device.
  Device(std::size_t lanes, Entropy& entropy);

  // Configuration. Each call takes effect at once and tells the lanes by `actions`.

  /// A zero key removes the identity. All sessions end, whoever was being called is called anew under the new key, and
  /// a peer with our own public key is removed; the key that is there already changes nothing.
  void set_private_key(Now now, PrivateKey key, Actions& actions);
  [[nodiscard]] const KeyPair& identity() const noexcept { return *identity_; }
  [[nodiscard]] bool has_identity() const noexcept { return has_identity_; }

  [[nodiscard]] std::optional<PeerId> find(const PublicKey& key) const noexcept;
  /// `key` is not there yet and not our own. nullopt: 2^20 peers are there already.
  [[nodiscard]] std::optional<PeerId> add_peer(const PublicKey& key, Actions& actions);
  void remove_peer(PeerId id, Actions& actions);

  void set_preshared_key(PeerId id, PresharedKey key);
  void set_name(PeerId id, std::string name);
  void set_past(PeerId id, const PastTraffic& past);
  /// Ends the peer's sessions, and refuses it new ones until it is told `no`. Its allowed IPs stay its own, and packets
  /// for it are dropped.
  void set_blocked(Now now, PeerId id, Blocked blocked, Actions& actions);
  void set_endpoint(PeerId id, const Endpoint& endpoint, Actions& actions);
  /// Turning it on sends one keepalive at once. Beyond 0 (off) to 65535 s the nearest of the two counts.
  void set_persistent_keepalive(Now now, PeerId id, std::chrono::seconds interval, Actions& actions);
  /// Moves the prefix here when it was another peer's.
  void add_allowed_ip(PeerId id, const Prefix& prefix, Actions& actions);
  void remove_allowed_ip(PeerId id, const Prefix& prefix, Actions& actions);
  void clear_allowed_ips(PeerId id, Actions& actions);

  /// Under load, of each address that proved to be its sender's; 1 at least. See `RateLimiter::set_rate`.
  void set_handshake_rate(std::uint32_t per_second) noexcept { limiter_.set_rate(per_second); }

  /// Down: forgets all sessions and staged packets. Up: sends keepalives where they are persistent.
  void set_link(Now now, Link link, Actions& actions);

  /// The host is elsewhere, or its ways out are others: no peer's source address counts any more, and each peer that we
  /// have a session with hears from us, so that it finds us again.
  void network_changed(Actions& actions);

  // Outside

  /// A datagram that may be handled: its length and type are known and its mac1 fits. Cheap, changes nothing.
  /// \returns Drop::not_wireguard, no_identity or bad_mac1.
  [[nodiscard]] Result<wire::Type, Drop> screen(Bytes datagram) const noexcept;

  /// May a message that `screen` let pass wait for its mathematics? Under load its sender is asked for a proof, and may
  /// get a cookie for the next time. A cookie reply waits for nothing: it is taken, or refused, at once.
  /// \returns Drop::not_wireguard, interface_down, cookie_demanded, rate_limited, unexpected_cookie or bad_cookie_tag.
  Result<Admission, Drop> admit(Now now, Bytes datagram, const Endpoint& from, const std::optional<Source>& local,
                                Load load, Actions& actions);

  /// What is to be computed next for a message, nothing when it is done with, or why it is refused. Whatever is refused
  /// changes nothing, and is in `actions.events`.
  using Step = Result<std::optional<HandshakeJob>, Drop>;
  /// The first step of a message that may wait.
  Step begin(Bytes datagram, const Endpoint& from, const std::optional<Source>& local, Actions& actions);
  /// Takes over what `compute` found, unless things have changed since.
  Step commit(Now now, HandshakeJob job, Actions& actions);

  /// All of the above but `screen`, in a row.
  Result<void, Drop> handle(Now now, Bytes datagram, const Endpoint& from, const std::optional<Source>& local,
                            Load load, Actions& actions);

  /// Makes an ephemeral key pair for a handshake to come, when there is time. False: there are enough.
  bool prepare_ephemeral();

  // Lanes and time

  /// Anything but a handshake message, which goes through `screen` and `handle`.
  void handle(Now now, const Report& report, Actions& actions);

  /// Does all that is due.
  void run_timers(Now now, Actions& actions);
  /// When to call `run_timers` next.
  [[nodiscard]] std::optional<Instant> next_deadline() const noexcept;

  // What `wg show` reads

  [[nodiscard]] std::size_t peer_count() const noexcept { return by_key_.size(); }
  /// nullptr: no such peer, or not any more.
  [[nodiscard]] const Peer* peer(PeerId id) const noexcept;
  void for_each_peer(const std::function<void(const Peer&)>& visit) const;
  [[nodiscard]] const AllowedIps& allowed_ips() const noexcept { return allowed_ips_; }

 private:
  struct IndexEntry {
    std::uint32_t slot;
    enum class Kind : std::uint8_t { pending, session } kind;
  };

  [[nodiscard]] Peer* find(PeerId id) noexcept;
  [[nodiscard]] std::size_t home_lane(const Peer& peer) const noexcept { return peer.id.slot % lanes_; }
  [[nodiscard]] std::optional<Drop> bar(const Peer& peer) const noexcept;
  [[nodiscard]] bool can_send(const Peer& peer) const noexcept;

  [[nodiscard]] std::uint32_t free_index(const Peer& peer);
  [[nodiscard]] std::uint32_t take_index(const Peer& peer, std::uint32_t index, IndexEntry::Kind kind);
  [[nodiscard]] std::optional<KeyPair> take_prepared();
  [[nodiscard]] KeyPair new_ephemeral();
  [[nodiscard]] Duration new_jitter();

  void compute_static_shared(Peer& peer);
  void forget_pending(Peer& peer);
  void forget_sessions(Peer& peer);
  void forget_all(Peer& peer, Drop why, Actions& actions);
  [[nodiscard]] Sessions::Crossing crossing(const Peer& peer) const noexcept;
  void forget_replaced(Peer& peer, const Sessions& before);
  void post_bar(const Peer& peer, Actions& actions);
  void post_sessions(const Peer& peer, change::SessionsReplaced::Then then, Actions& actions);
  void install(Peer& peer, Now now, Role role, std::uint32_t local, std::uint32_t remote, SessionKeys keys,
               Actions& actions);

  // device_handshake.cpp
  static Err<Drop> refuse(Drop why, const Endpoint& from, const Claimant& by, Actions& actions);
  Result<void, Drop> commit_claim(Now now, HandshakeJob& job);
  static Result<void, Drop> is_fresh(const Peer& peer, Now now, const Stamp& stamp);
  Result<void, Drop> commit_answer(Now now, HandshakeJob& job, Actions& actions);
  Result<void, Drop> begin_response(const wire::Response& message, HandshakeJob& job);
  Result<void, Drop> commit_response(Now now, HandshakeJob& job, Actions& actions);
  Result<void, Drop> on_cookie_reply(Now now, const wire::CookieReply& message, Actions& actions);
  void initiate(Peer& peer, Now now, Actions& actions);
  void heard_handshake(Peer& peer, Now now, const Endpoint& from, const std::optional<Source>& local,
                       std::size_t octets, Actions& actions);
  template <class Message>
  void send_handshake(Peer& peer, Now now, Message& message, Actions& actions);

  // device_timers.cpp
  void want_session(Peer& peer, Now now, Actions& actions);
  void confirm(Peer& peer, Now now, std::uint32_t local_index, Actions& actions);
  void perform(Peer& peer, Now now, Due due, Actions& actions);
  void send_keepalive(Peer& peer, Actions& actions);
  void forget_source(Peer& peer, Actions& actions);
  void reschedule(Peer& peer, Now now);

  const std::size_t lanes_;
  Entropy& entropy_;
  Link link_ = Link::down;
  bool has_identity_ = false;
  std::shared_ptr<const KeyPair> identity_ = std::make_shared<KeyPair>();  // jobs under way hold it too
  std::vector<KeyPair> ephemerals_;
  CookieChecker checker_;
  const Octets<16> seed_;  // of the hashes of senders' addresses
  RateLimiter limiter_;
  StrangerShares admitted_strangers_, answered_strangers_;
  unsigned past_share_ = 0;
  Stamp stamp_floor_{};  // greatest stamp sent to a peer that has since been removed

  std::vector<std::unique_ptr<Peer>> peers_;  // by slot
  std::vector<std::uint32_t> free_slots_;
  std::uint32_t next_generation_ = 0;
  std::unordered_map<PublicKey, std::uint32_t> by_key_;
  std::unordered_map<std::uint32_t, IndexEntry> by_index_;
  std::set<std::pair<Instant, std::uint32_t>> deadlines_;
  AllowedIps allowed_ips_;
};

}  // namespace culvert
