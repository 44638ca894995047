// SPDX-License-Identifier: MIT
// Two tables, one a family: the tree of prefix_trie.hpp finds a prefix, and a ring of links through the prefixes of
// each owner lists them in the order of insertion, so that a peer goes, or is shown, without a walk over all others.
#include "allowed_ips.hpp"

#include <algorithm>

namespace culvert {
namespace {

std::uint64_t big_endian(Bytes octets) noexcept {
  std::uint64_t value = 0;
  for (const std::uint8_t octet : octets) value = value << 8 | octet;
  return value;
}

void put_big_endian(std::uint64_t value, MutBytes octets) noexcept {
  for (std::size_t i = octets.size(); i-- > 0; value >>= 8) octets[i] = static_cast<std::uint8_t>(value);
}

std::uint32_t key_v4(const IpAddress& address) noexcept {
  return static_cast<std::uint32_t>(big_endian(Bytes(address.octets).first<4>()));
}

Key128 key_v6(const IpAddress& address) noexcept {
  const Bytes octets(address.octets);
  return {.high = big_endian(octets.first<8>()), .low = big_endian(octets.last<8>())};
}

unsigned tail_of(const Prefix& masked) noexcept {
  return unsigned{address_bits(masked.address.family)} - masked.length;
}

}  // namespace

void AllowedIps::insert(const Prefix& prefix, Owner owner) {
  const Prefix plain = masked(prefix);
  if (plain.address.family == Family::v4)
    v4_.insert(key_v4(plain.address), tail_of(plain), owner);
  else
    v6_.insert(key_v6(plain.address), tail_of(plain), owner);
}

bool AllowedIps::remove(const Prefix& prefix, Owner owner) {
  const Prefix plain = masked(prefix);
  return plain.address.family == Family::v4 ? v4_.remove(key_v4(plain.address), tail_of(plain), owner)
                                            : v6_.remove(key_v6(plain.address), tail_of(plain), owner);
}

void AllowedIps::remove_owner(Owner owner) {
  v4_.remove_owner(owner);
  v6_.remove_owner(owner);
}

void AllowedIps::clear() noexcept {
  v4_.clear();
  v6_.clear();
}

auto AllowedIps::lookup(const IpAddress& address) const noexcept -> Owner {
  return address.family == Family::v4 ? v4_.trie.lookup(key_v4(address), kNobody)
                                      : v6_.trie.lookup(key_v6(address), kNobody);
}

auto AllowedIps::owner_of(const Prefix& prefix) const noexcept -> Owner {
  const Prefix plain = masked(prefix);
  return plain.address.family == Family::v4 ? v4_.owner_of(key_v4(plain.address), tail_of(plain))
                                            : v6_.owner_of(key_v6(plain.address), tail_of(plain));
}

std::size_t AllowedIps::memory() const noexcept { return v4_.memory() + v6_.memory(); }

std::vector<Prefix> AllowedIps::of(Owner owner) const {
  std::vector<Prefix> prefixes;
  for_each_of(owner, [&](const Prefix& prefix) { prefixes.push_back(prefix); });
  return prefixes;
}

Prefix AllowedIps::prefix_of(const PrefixTrie<std::uint32_t>::Entry& entry) noexcept {
  Prefix prefix{.address = {}, .length = static_cast<std::uint8_t>(32 - entry.tail)};
  put_big_endian(entry.key, MutBytes(prefix.address.octets).first<4>());
  return prefix;
}

Prefix AllowedIps::prefix_of(const PrefixTrie<Key128>::Entry& entry) noexcept {
  Prefix prefix{.address = {.family = Family::v6}, .length = static_cast<std::uint8_t>(128 - entry.tail)};
  put_big_endian(entry.key.high, MutBytes(prefix.address.octets).first<8>());
  put_big_endian(entry.key.low, MutBytes(prefix.address.octets).last<8>());
  return prefix;
}

// One family

template <class Key>
void AllowedIps::Half<Key>::insert(const Key& key, unsigned tail, Owner owner) {
  if (owner >= firsts.size()) {
    make_room_in(firsts, owner + std::size_t{1} - firsts.size());
    firsts.resize(owner + std::size_t{1}, kNone);
  }
  Id id = trie.find(key, tail);
  if (id != kNone) {
    unlink(id);
    trie.set_owner(id, owner);
  } else {
    make_room_in(links, 1);
    id = trie.insert(key, tail, owner);
    if (id == links.size()) links.push_back({});
  }
  append(id, owner);
}

template <class Key>
bool AllowedIps::Half<Key>::remove(const Key& key, unsigned tail, Owner owner) noexcept {
  const Id id = trie.find(key, tail);
  if (id == kNone || trie[id].owner != owner) return false;
  unlink(id);
  erase(id);
  return true;
}

template <class Key>
void AllowedIps::Half<Key>::remove_owner(Owner owner) noexcept {
  for (Id id = first_of(owner); id != kNone;) {
    const Id next = after(id);
    if (next == kNone) firsts[owner] = kNone;
    erase(id);
    id = next;
  }
}

template <class Key>
void AllowedIps::Half<Key>::clear() noexcept {
  trie.clear();
  links = std::vector<Link>();
  firsts = std::vector<Id>();
}

template <class Key>
auto AllowedIps::Half<Key>::owner_of(const Key& key, unsigned tail) const noexcept -> Owner {
  const Id id = trie.find(key, tail);
  return id == kNone ? kNobody : trie[id].owner;
}

template <class Key>
std::size_t AllowedIps::Half<Key>::memory() const noexcept {
  return trie.memory() + links.capacity() * sizeof(Link) + firsts.capacity() * sizeof(Id);
}

template <class Key>
void AllowedIps::Half<Key>::append(Id id, Owner owner) noexcept {
  Id& first = firsts[owner];
  if (first == kNone) {
    links[id] = {.previous = id, .next = id};
    first = id;
    return;
  }
  const Id last = links[first].previous;
  links[id] = {.previous = last, .next = first};
  links[last].next = id;
  links[first].previous = id;
}

template <class Key>
void AllowedIps::Half<Key>::unlink(Id id) noexcept {
  const Link link = links[id];
  Id& first = firsts[trie[id].owner];
  if (first == id) first = link.next == id ? kNone : link.next;
  links[link.previous].next = link.next;
  links[link.next].previous = link.previous;
}

/// Of a prefix that no ring holds any more. With the last one goes all memory.
template <class Key>
void AllowedIps::Half<Key>::erase(Id id) noexcept {
  trie.erase(id);
  if (trie.size() == 0) clear();
}

}  // namespace culvert
