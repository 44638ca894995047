// SPDX-License-Identifier: MIT
// Where the peers of a configuration may be reached, as far as names are resolved, and which of these places is tried
// now. Pure: whoever resolves names tells the answers; any one thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config.hpp"
#include "uapi_text.hpp"

namespace culvert::daemon {

class EndpointBook {
 public:
  /// Another configuration: what is known of names that occur again is kept, and so is the place that is tried.
  void follow(const config::Config& config);

  /// Names without an answer so far, each once.
  [[nodiscard]] std::vector<config::HostPort> unanswered() const;
  /// All names of a peer, to be asked anew.
  [[nodiscard]] std::vector<config::HostPort> names_of(const PublicKey& peer) const;
  /// \param places  replaces what was known; empty: nothing is known now, and what was is kept.
  void answer(const config::HostPort& name, std::vector<Endpoint> places);

  /// The place that is tried now, of each peer that has one.
  [[nodiscard]] config::ChosenEndpoints chosen() const;
  /// All places of all peers.
  [[nodiscard]] std::vector<IpAddress> addresses() const;
  /// Goes on to the peer's next place, round and round. nullopt: it has none. `wrapped` says that all were tried.
  struct Next {
    Endpoint place;
    bool wrapped = false;
  };
  [[nodiscard]] std::optional<Next> next(const PublicKey& peer);
  /// Peers that have a name or more than one place: the others cannot be helped.
  [[nodiscard]] std::vector<PublicKey> movable() const;

 private:
  struct Entry {
    std::vector<config::HostPort> endpoints;
    std::size_t tried = 0;
  };
  [[nodiscard]] std::vector<Endpoint> places(const Entry& entry) const;

  std::map<PublicKey, Entry> peers_;
  std::map<std::string, std::vector<Endpoint>> answers_;  // by "host:port"
};

}  // namespace culvert::daemon
