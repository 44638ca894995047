// SPDX-License-Identifier: MIT
// All that can be seen of a node, as text: equal texts mean that nothing changed.
#pragma once

#include <hex.hpp>
#include <sstream>

#include "node.hpp"

namespace culvert::test {

class Fingerprint {
 public:
  explicit Fingerprint(Node& node) {
    put("entropy", node.entropy.filled());
    put("deadline", node.device.next_deadline());
    node.device.for_each_peer([&](const Peer& peer) { of_peer(peer); });
    for (DataPath& lane : node.lanes)
      node.device.for_each_peer([&](const Peer& peer) { of_lane_peer(*lane.find(peer.id)); });
  }
  [[nodiscard]] std::string text() const { return text_.str(); }

 private:
  void put(const char* name, std::uint64_t value) { text_ << name << '=' << value << '\n'; }
  void put(const char* name, const std::optional<Instant>& at) {
    text_ << name << '=' << (at ? std::to_string(at->time_since_epoch().count()) : "none") << '\n';
  }
  void put(const char* name, const std::optional<Endpoint>& at) {
    text_ << name << '=' << (at ? to_string(*at) : "none") << '\n';
  }

  void of_peer(const Peer& peer) {
    put("endpoint", peer.endpoint);
    put("source", peer.source ? 1 : 0);
    text_ << hex(peer.greatest_stamp_received) << ' ' << hex(peer.last_stamp_sent) << '\n';
    put("accepted", peer.last_initiation_accepted);
    put("pending", peer.pending ? peer.pending->local_index : 0);
    if (peer.pending) text_ << hex(peer.pending->hash) << hex(peer.pending->chaining_key.bytes()) << '\n';
    put("initiation", peer.last_initiation_sent);
    put("response", peer.last_response_sent);
    put("retries", static_cast<std::uint64_t>(peer.retries));
    put("wanted", peer.initiation_wanted ? 1 : 0);
    put("born", peer.keys_born);
    put("persistent", peer.last_persistent);
    put("handshake", peer.last_handshake ? static_cast<std::uint64_t>(peer.last_handshake->seconds) : 0);
    put("sent", peer.octets_sent());
    put("received", peer.octets_received());
    put("deadline", peer.deadline);
    of_traffic(*peer.traffic);
    of_sessions(peer.sessions);
  }

  void of_lane_peer(const DataPath::Peer& peer) {
    put("endpoint", peer.endpoint);
    put("source", peer.source ? 1 : 0);
    put("staged", peer.staging ? peer.staging->octets() : 0);
    put("request", std::optional(peer.next_request));
    of_sessions(peer.sessions);
  }

  void of_traffic(const PeerTraffic& traffic) {
    put("unheard", traffic.unheard_since.load());
    put("unanswered", traffic.unanswered_since.load());
    put("passage", traffic.last_passage.load());
    put("watched", traffic.watched ? 1 : 0);
  }

  void of_sessions(const Sessions& sessions) {
    for (const SessionRef& s : {sessions.previous, sessions.current, sessions.next}) {
      put("index", s ? s->local_index : 0);
      if (!s) continue;
      put("remote", s->remote_index);
      put("counter", s->send_counter);
      put("notes", (s->confirmed.load() ? 1u : 0u) + (s->renewal_reported ? 2u : 0u));
      text_ << "window=";
      for (std::uint64_t counter = 0; counter < 64; ++counter) text_ << s->window.would_accept(counter);
      for (unsigned shift = 7; shift < 64; ++shift) text_ << s->window.would_accept(std::uint64_t{1} << shift);
      text_ << '\n';
    }
  }

  std::ostringstream text_;
};

inline std::string fingerprint(Node& node) { return Fingerprint(node).text(); }

}  // namespace culvert::test
