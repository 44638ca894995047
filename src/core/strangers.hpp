// SPDX-License-Identifier: MIT
// Who knocks and is not let in: by source network where nothing more is known, by public key where a key was shown.
// Both tables are bounded and forget the entry that was quiet for longest: a flood from everywhere costs nothing but
// the memory of others.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include <culvert/address.hpp>
#include <culvert/drop.hpp>
#include <culvert/keys.hpp>
#include <culvert/time.hpp>

namespace culvert {

/// A network of strangers: an IPv4 /24 or an IPv6 /48.
struct StrangeNetwork {
  struct Count {
    Drop reason = Drop::not_wireguard;
    std::uint64_t count = 0;
  };

  Prefix network;
  Endpoint last_from;
  Instant last{};
  UnixTime wall;
  std::array<Count, 6> counts{};  // the first so many different reasons; more have not been seen to matter
};

/// A public key that is nobody's here, but whose owner knows ours. Not proven: anyone may claim a key.
struct StrangeKey {
  PublicKey key;
  Endpoint last_from;
  Instant last{};
  UnixTime wall;
  std::uint64_t count = 0;
};

class Strangers {
 public:
  static constexpr std::size_t kMaxNetworks = 64;
  static constexpr std::size_t kMaxKeys = 16;

  Strangers();

  void refused(Now now, Drop reason, const Endpoint& from) noexcept;
  void showed_key(Now now, const PublicKey& key, const Endpoint& from) noexcept;
  /// The key has become a peer's.
  void forget_key(const PublicKey& key) noexcept;

  /// Latest first.
  [[nodiscard]] std::vector<StrangeNetwork> networks() const;
  [[nodiscard]] std::vector<StrangeKey> keys() const;

  /// The network by which an address is remembered.
  [[nodiscard]] static Prefix network_of(const IpAddress& address) noexcept;

 private:
  std::vector<StrangeNetwork> networks_;
  std::vector<StrangeKey> keys_;
};

}  // namespace culvert
