// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <vector>

#include <culvert/address.hpp>

namespace culvert {

/// Longest-prefix match from addresses to owners ("cryptokey routing" [W 2]). An owner is a small number that the
/// caller chooses (a peer's slot). Inserting an identical prefix moves it to the new owner.
class AllowedIps {
 public:
  using Owner = std::uint32_t;
  static constexpr Owner kNobody = ~Owner{0};

  /// Host bits are ignored.
  void insert(const Prefix& prefix, Owner owner);
  /// Removes this prefix if it belongs to `owner`; otherwise nothing happens, and false.
  bool remove(const Prefix& prefix, Owner owner);
  void remove_owner(Owner owner);
  void clear() noexcept;

  /// The owner of the longest prefix that holds `address`, or kNobody. Does not allocate.
  [[nodiscard]] Owner lookup(const IpAddress& address) const noexcept;
  /// The owner of exactly this prefix, or kNobody.
  [[nodiscard]] Owner owner_of(const Prefix& prefix) const noexcept;
  /// All prefixes of `owner`, IPv4 first, each family in the order of insertion.
  [[nodiscard]] std::vector<Prefix> of(Owner owner) const;
  [[nodiscard]] std::size_t size() const noexcept;
  /// Octets of heap in use, for the memory figures.
  [[nodiscard]] std::size_t memory() const noexcept;
};

}  // namespace culvert
