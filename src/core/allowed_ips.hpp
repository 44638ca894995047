// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include <culvert/address.hpp>

#include "prefix_trie.hpp"

namespace culvert {

/// Longest-prefix match from addresses to owners ("cryptokey routing" [W 2]). An owner is a small number that the
/// caller chooses (a peer's slot). Inserting an identical prefix moves it to the new owner, and to the end of that
/// owner's list [K]. In a big table a prefix takes 28 to 43 octets of heap (IPv4) or 40 to 58 (IPv6); an empty one
/// takes none.
class AllowedIps {
 public:
  using Owner = std::uint32_t;
  static constexpr Owner kNobody = ~Owner{0};

  /// Host bits are ignored. Every owner up to the greatest takes 8 octets; kNobody is none.
  void insert(const Prefix& prefix, Owner owner);
  /// Removes this prefix if it belongs to `owner`; otherwise nothing happens, and false.
  bool remove(const Prefix& prefix, Owner owner);
  /// Takes time for the owner's prefixes alone, however many others there are.
  void remove_owner(Owner owner);
  void clear() noexcept;

  /// The owner of the longest prefix that holds `address`, or kNobody. Does not allocate.
  [[nodiscard]] Owner lookup(const IpAddress& address) const noexcept;
  /// The owner of exactly this prefix, or kNobody.
  [[nodiscard]] Owner owner_of(const Prefix& prefix) const noexcept;
  /// All prefixes of `owner`, IPv4 first, each family in the order of insertion.
  [[nodiscard]] std::vector<Prefix> of(Owner owner) const;
  /// The same, without allocating: calls `visit(const Prefix&)`, which must not change the table.
  template <class Visit>
  void for_each_of(Owner owner, Visit&& visit) const;
  [[nodiscard]] std::size_t size() const noexcept { return v4_.trie.size() + v6_.trie.size(); }
  /// Octets of heap in use, for the memory figures.
  [[nodiscard]] std::size_t memory() const noexcept;

 private:
  using Id = std::uint32_t;
  static constexpr Id kNone = ~Id{0};

  /// The prefixes of one family, and a ring through those of each owner: first to last, and back to the first.
  template <class Key>
  struct Half {
    struct Link {
      Id previous;
      Id next;
    };

    void insert(const Key& key, unsigned tail, Owner owner);
    bool remove(const Key& key, unsigned tail, Owner owner) noexcept;
    void remove_owner(Owner owner) noexcept;
    void clear() noexcept;
    [[nodiscard]] Owner owner_of(const Key& key, unsigned tail) const noexcept;
    [[nodiscard]] Id first_of(Owner owner) const noexcept { return owner < firsts.size() ? firsts[owner] : kNone; }
    /// The next of the same owner, or kNone after the last.
    [[nodiscard]] Id after(Id id) const noexcept {
      const Id next = links[id].next;
      return next == firsts[trie[id].owner] ? kNone : next;
    }
    [[nodiscard]] std::size_t memory() const noexcept;

    void append(Id id, Owner owner) noexcept;
    void unlink(Id id) noexcept;
    void erase(Id id) noexcept;

    PrefixTrie<Key> trie;
    std::vector<Link> links;  // by the trie's id; apart from its entries, because look-ups do not need them
    std::vector<Id> firsts;   // by owner
  };

  [[nodiscard]] static Prefix prefix_of(const PrefixTrie<std::uint32_t>::Entry& entry) noexcept;
  [[nodiscard]] static Prefix prefix_of(const PrefixTrie<Key128>::Entry& entry) noexcept;

  Half<std::uint32_t> v4_;
  Half<Key128> v6_;
};

template <class Visit>
void AllowedIps::for_each_of(Owner owner, Visit&& visit) const {
  for (Id id = v4_.first_of(owner); id != kNone; id = v4_.after(id)) visit(prefix_of(v4_.trie[id]));
  for (Id id = v6_.first_of(owner); id != kNone; id = v6_.after(id)) visit(prefix_of(v6_.trie[id]));
}

}  // namespace culvert
