// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <set>

#include <culvert/address.hpp>
#include <culvert/time.hpp>

namespace culvert::sim {

/// A router that rewrites what leaves: one public port for each private endpoint, whatever the destination, and open
/// only to those endpoints that were sent to [RFC 4787: endpoint-independent mapping, address and port-dependent
/// filtering]. What comes in does not keep a mapping alive, and a forgotten mapping never gets its old port back.
class Nat {
 public:
  explicit Nat(IpAddress public_address, Duration idle = std::chrono::seconds(60))
      : public_address_(public_address), idle_(idle) {}

  [[nodiscard]] const IpAddress& public_address() const { return public_address_; }

  Endpoint translate_out(Duration now, const Endpoint& inner, const Endpoint& to) {
    for (auto& [port, forwarded] : forwards_)
      if (forwarded == inner) return {public_address_, port, 0};
    auto found = mappings_.find(inner);
    if (found != mappings_.end() && now - found->second.last_used >= idle_) {
      mappings_.erase(found);
      found = mappings_.end();
    }
    if (found == mappings_.end()) found = mappings_.emplace(inner, Mapping{next_port_++, now, {}}).first;
    found->second.last_used = now;
    found->second.open_to.insert(to);
    return {public_address_, found->second.port, 0};
  }

  /// The private endpoint behind `port`, whoever asks. Changes nothing.
  [[nodiscard]] std::optional<Endpoint> behind(std::uint16_t port) const {
    if (const auto f = forwards_.find(port); f != forwards_.end()) return f->second;
    for (const auto& [inner, mapping] : mappings_)
      if (mapping.port == port) return inner;
    return std::nullopt;
  }

  /// nullopt: no mapping, or not open to `from`.
  [[nodiscard]] std::optional<Endpoint> translate_in(Duration now, std::uint16_t port, const Endpoint& from) const {
    if (const auto f = forwards_.find(port); f != forwards_.end()) return f->second;
    for (const auto& [inner, mapping] : mappings_)
      if (mapping.port == port && now - mapping.last_used < idle_ && mapping.open_to.contains(from)) return inner;
    return std::nullopt;
  }

  void forward(std::uint16_t port, const Endpoint& inner) { forwards_[port] = inner; }
  void forget() { mappings_.clear(); }
  void renumber(const IpAddress& address) {
    public_address_ = address;
    mappings_.clear();
  }

 private:
  struct Mapping {
    std::uint16_t port;
    Duration last_used;
    std::set<Endpoint> open_to;
  };
  IpAddress public_address_;
  Duration idle_;
  std::uint16_t next_port_ = 40000;
  std::map<Endpoint, Mapping> mappings_;
  std::map<std::uint16_t, Endpoint> forwards_;
};

}  // namespace culvert::sim
