// SPDX-License-Identifier: MIT
// Longest-prefix match as a tree of 64-way branches, with blind skipping, in three vectors.
//
// Keys are cut into groups of 6 bits from their low end (32 = 2 + 5 * 6, 128 = 2 + 21 * 6), so that single addresses
// end with a group. A node branches on one group. It names no address: two bit maps say which of the 64 values have
// something below, and which of the 63 prefixes that end within the group are there; the references follow one another
// in a block, and the number of map bits below one's own is the place in it. Something below is another node or, as
// soon as there is only one prefix, that prefix itself. A node has at least two references, so n prefixes need at most
// n - 1 nodes, and the last removal leaves nothing.
//
// The way down is blind: groups in which all prefixes below agree have no node and are not compared. What is found at
// the end, a leaf or the longest prefix of the deepest node that had one, is then compared with the key, once:
//  - it holds the key: it is the answer, since all longer ones that hold the key would have been on the way, below it;
//  - it does not: they differ from some bit on. Nodes wholly above that bit are on the true way (all prefixes below
//    a node share the bits above it), nodes below are not. A second way down, to that bit, gives the answer uncompared.
// A change finds its place in the same manner: any prefix below the blind way's end tells where the new one branches
// off.
//
// Why so. A look-up is a chain of loads that wait for one another, so what counts is how many, and in which cache.
// bench-allowed_ips, ns a look-up, each waiting for the last; a core with 1 MiB of L2 and 32 MiB of shared L3, gcc 12
// -O2, the best of several runs (the last column doubles and triples when others use the L3):
//                                       prefixes   1,000   10,000   100,000   1,000,000   octets a prefix, all told
//   this tree, IPv4 addresses one after the other       20       30        42          80   28 to 32
//   this tree, random IPv4 addresses                    27       38        62         128   38 to 43
//   this tree, random IPv6 prefixes, /16 to /128        29       42        64         140   52 to 57
//   a binary tree [K], random IPv4 addresses            38       57       102         328   40, without owners' lists
// The binary tree waits some 17 times at 100,000 prefixes; this one 3 to 4 times for a node and for its reference. A
// hash table for each length in use is faster with one length and slow with many, so the configuration would decide.
// The popcnt instruction would save a fifth; the build does not ask for it, and 200 ns at 130,000 is met on any x86-64.
//
// Read: Node in the header, `descend`, `lookup`; then `insert`, `join`, `erase`; then positions and memory.
#include "prefix_trie.hpp"

#include <algorithm>
#include <stdexcept>

namespace culvert {
namespace {

constexpr int kStride = 6;

unsigned six_bits(std::uint32_t key, unsigned shift) noexcept { return (key >> shift) & 63u; }

unsigned six_bits(const Key128& key, unsigned shift) noexcept {
  if (shift >= 64) return static_cast<unsigned>(key.high >> (shift - 64)) & 63u;
  // Two shifts, so that neither is by 64.
  return static_cast<unsigned>(key.low >> shift | key.high << 1 << (63 - shift)) & 63u;
}

/// How many low bits to leave away until the keys are equal.
unsigned difference(std::uint32_t a, std::uint32_t b) noexcept { return static_cast<unsigned>(std::bit_width(a ^ b)); }

unsigned difference(const Key128& a, const Key128& b) noexcept {
  if (a.high != b.high) return 64 + static_cast<unsigned>(std::bit_width(a.high ^ b.high));
  return static_cast<unsigned>(std::bit_width(a.low ^ b.low));
}

/// The node that a prefix with this tail belongs to; -6, where no node is, for a single address.
constexpr int shift_of(unsigned tail) noexcept {
  return tail == 0 ? -kStride : kStride * ((static_cast<int>(tail) - 1) / kStride);
}

constexpr std::uint64_t bit(unsigned n) noexcept { return std::uint64_t{1} << n; }
constexpr std::uint64_t below(std::uint64_t one_bit) noexcept { return one_bit - 1; }

constexpr unsigned count(std::uint64_t bits) noexcept { return static_cast<unsigned>(std::popcount(bits)); }

/// For each value of 6 key bits, the prefixes of length 0 to 5 that hold it, as bits of Node::prefixes.
constexpr auto kHolders = [] {
  std::array<std::uint64_t, 64> holders{};
  for (unsigned six = 0; six < 64; ++six) {
    for (unsigned length = 0; length < kStride; ++length) holders[six] |= bit(1u << length | six >> (kStride - length));
  }
  return holders;
}();

}  // namespace

// Looking up

// data() instead of the vectors' operator[], which checks its index in this build: the tree's own references are in
// range.

template <class Key>
auto PrefixTrie<Key>::descend(const Key& key, unsigned agreed_tail) const noexcept -> Descent {
  Descent way{root_, nullptr, 0};
  while ((way.end & kLeaf) == 0) {
    const Node& node = nodes_.data()[way.end];
    if (node.shift + kStride < static_cast<int>(agreed_tail)) break;
    const unsigned six = six_bits(key, node.shift);
    if (const std::uint64_t hits = node.prefixes & kHolders[six]; hits != 0) {
      way.holder = &node;
      way.hits = hits;
    }
    if ((node.children & bit(six)) == 0) break;
    way.end = blocks_.data()[node.block + count(node.children & below(bit(six)))];
  }
  if ((way.end & kLeaf) == 0) way.end = kNone;
  return way;
}

template <class Key>
auto PrefixTrie<Key>::longest(const Node& node, std::uint64_t hits) const noexcept -> Id {
  const std::uint64_t greatest = std::bit_floor(hits);
  return blocks_.data()[node.block + count(node.children) + count(node.prefixes & below(greatest))] & ~kLeaf;
}

template <class Key>
std::uint32_t PrefixTrie<Key>::lookup(const Key& key, std::uint32_t nobody) const noexcept {
  const Descent way = descend(key, 0);
  if (way.end == kNone && way.holder == nullptr) return nobody;
  const Entry& candidate = entries_.data()[way.end != kNone ? way.end & ~kLeaf : longest(*way.holder, way.hits)];
  const unsigned agreed_tail = difference(key, candidate.key);
  if (agreed_tail <= candidate.tail) return candidate.owner;

  const Descent again = descend(key, agreed_tail);
  return again.holder == nullptr ? nobody : entries_.data()[longest(*again.holder, again.hits)].owner;
}

template <class Key>
auto PrefixTrie<Key>::find(const Key& key, unsigned tail) const noexcept -> Id {
  const Entry wanted{key, 0, static_cast<std::uint8_t>(tail)};
  Ref ref = root_;
  while ((ref & kLeaf) == 0) {
    const Node& node = nodes_[ref];
    const Position at = position(wanted, node.shift);
    const std::uint64_t map = at.map == Map::children ? node.children : node.prefixes;
    if ((map & at.bit) == 0) return kNone;
    ref = blocks_[node.block + rank(node, at)];
  }
  if (ref == kNone) return kNone;
  const Id id = ref & ~kLeaf;
  // The way down was blind, and a prefix that would belong above it goes astray: only this comparison tells.
  return entries_[id].key == key && entries_[id].tail == tail ? id : kNone;
}

// Changing

/// Some prefix below the deepest node whose 6 bits, and those of the nodes above it, are the key's.
template <class Key>
auto PrefixTrie<Key>::nearest(const Key& key) const noexcept -> const Entry& {
  Ref ref = root_;
  while ((ref & kLeaf) == 0) {
    const Node& node = nodes_[ref];
    const std::uint64_t child = bit(six_bits(key, node.shift));
    const bool there = (node.children & child) != 0;
    ref = blocks_[node.block + (there ? count(node.children & below(child)) : 0)];
  }
  return entries_[ref & ~kLeaf];
}

template <class Key>
auto PrefixTrie<Key>::insert(const Key& key, unsigned tail, std::uint32_t owner) -> Id {
  make_room();  // the references below stay valid
  const Id id = take_entry(key, tail, owner);
  ++size_;
  if (root_ == kNone) {
    root_ = id | kLeaf;
    return id;
  }
  const Entry& entry = entries_[id];
  const Entry& guide = nearest(key);
  const unsigned agreed_tail = std::max({difference(key, guide.key), tail, unsigned{guide.tail}});
  Ref* at = &root_;
  while ((*at & kLeaf) == 0 && nodes_[*at].shift + kStride >= static_cast<int>(agreed_tail)) {
    Node& node = nodes_[*at];
    const Position place = position(entry, node.shift);
    if (place.map == Map::prefixes || (node.children & place.bit) == 0) {
      add(node, place, id | kLeaf);
      return id;
    }
    at = &blocks_[node.block + rank(node, place)];
  }
  *at = join(*at, guide, id, shift_of(agreed_tail));
  return id;
}

/// A node at `shift` above what stood at one place, and above a new entry that branches off there.
template <class Key>
auto PrefixTrie<Key>::join(Ref old_ref, const Entry& below_old, Id id, int shift) noexcept -> Ref {
  const Ref ref = take_node(shift);
  const bool was_leaf = (old_ref & kLeaf) != 0;
  const Position old_place =
      was_leaf ? position(below_old, shift) : Position{Map::children, bit(six_bits(below_old.key, nodes_[ref].shift))};
  add(nodes_[ref], old_place, old_ref);
  add(nodes_[ref], position(entries_[id], shift), id | kLeaf);
  return ref;
}

template <class Key>
void PrefixTrie<Key>::erase(Id id) noexcept {
  if (--size_ == 0) {
    clear();
    return;
  }
  Ref* at = &root_;
  Ref* above = &root_;
  Position place{};
  while ((*at & kLeaf) == 0) {
    const Node& node = nodes_[*at];
    place = position(entries_[id], node.shift);
    above = at;
    at = &blocks_[node.block + rank(node, place)];
  }
  entries_[id] = Entry{Key{}, free_entry_, 0};
  free_entry_ = id;

  Node& node = nodes_[*above];  // a node, for another prefix is left
  remove(node, place);
  if (references(node) > 1) return;
  const Ref last = blocks_[node.block];
  free_block(node.block, node.size_class);
  node = Node{.block = free_node_};
  free_node_ = *above;
  *above = last;
}

// Positions in a node and its block

/// Of an entry that belongs to the node at `shift` or below it; above it, only `find` asks.
template <class Key>
auto PrefixTrie<Key>::position(const Entry& entry, int shift) noexcept -> Position {
  const unsigned six = six_bits(entry.key, static_cast<unsigned>(shift));
  if (shift_of(entry.tail) != shift) return {Map::children, bit(six)};
  const unsigned length = static_cast<unsigned>(shift + kStride) - entry.tail;
  return {Map::prefixes, bit(1u << length | six >> (kStride - length))};
}

template <class Key>
unsigned PrefixTrie<Key>::rank(const Node& node, Position position) noexcept {
  if (position.map == Map::children) return count(node.children & below(position.bit));
  return count(node.children) + count(node.prefixes & below(position.bit));
}

template <class Key>
unsigned PrefixTrie<Key>::references(const Node& node) noexcept {
  return count(node.children) + count(node.prefixes);
}

template <class Key>
void PrefixTrie<Key>::add(Node& node, Position position, Ref ref) noexcept {
  const unsigned n = references(node);
  if (n == kBlockSizes[node.size_class]) move_block(node, node.size_class + 1u);
  Ref* const gap = blocks_.data() + node.block + rank(node, position);
  Ref* const end = blocks_.data() + node.block + n;
  std::copy_backward(gap, end, end + 1);
  *gap = ref;
  (position.map == Map::children ? node.children : node.prefixes) |= position.bit;
}

template <class Key>
void PrefixTrie<Key>::remove(Node& node, Position position) noexcept {
  const unsigned n = references(node);
  Ref* const gap = blocks_.data() + node.block + rank(node, position);
  std::copy(gap + 1, blocks_.data() + node.block + n, gap);
  (position.map == Map::children ? node.children : node.prefixes) &= ~position.bit;
  // Two classes down, so that a node at the edge of a class does not move at each change; and only without allocating.
  const std::size_t fit = class_for(n - 1);
  if (fit + 1 < node.size_class && has_room_for(fit)) move_block(node, fit);
}

// Memory

template <class Key>
std::size_t PrefixTrie<Key>::class_for(unsigned references) noexcept {
  return static_cast<std::size_t>(std::ranges::lower_bound(kBlockSizes, references) - kBlockSizes.begin());
}

/// All that one insert may take: an entry, a node with its block, and a bigger block for a node that is full.
template <class Key>
void PrefixTrie<Key>::make_room() {
  if (entries_.size() == (kNone & ~kLeaf)) throw std::length_error("too many prefixes");
  make_room_in(entries_, 1);
  make_room_in(nodes_, 1);
  make_room_in(blocks_, kBlockSizes.back());
}

template <class Key>
auto PrefixTrie<Key>::take_entry(const Key& key, unsigned tail, std::uint32_t owner) noexcept -> Id {
  const Entry entry{key, owner, static_cast<std::uint8_t>(tail)};
  const Id id = free_entry_;
  if (id == kNone) {
    entries_.push_back(entry);
    return static_cast<Id>(entries_.size() - 1);
  }
  free_entry_ = entries_[id].owner;
  entries_[id] = entry;
  return id;
}

template <class Key>
auto PrefixTrie<Key>::take_node(int shift) noexcept -> Ref {
  Node node;
  node.shift = static_cast<std::uint8_t>(shift);
  node.block = take_block(node.size_class);
  const Ref ref = free_node_;
  if (ref == kNone) {
    nodes_.push_back(node);
    return static_cast<Ref>(nodes_.size() - 1);
  }
  free_node_ = nodes_[ref].block;
  nodes_[ref] = node;
  return ref;
}

template <class Key>
bool PrefixTrie<Key>::has_room_for(std::size_t size_class) const noexcept {
  return free_blocks_[size_class] != kNone || blocks_.capacity() - blocks_.size() >= kBlockSizes[size_class];
}

template <class Key>
std::uint32_t PrefixTrie<Key>::take_block(std::size_t size_class) noexcept {
  const std::uint32_t block = free_blocks_[size_class];
  if (block == kNone) {
    blocks_.resize(blocks_.size() + kBlockSizes[size_class]);
    return static_cast<std::uint32_t>(blocks_.size() - kBlockSizes[size_class]);
  }
  free_blocks_[size_class] = blocks_[block];
  return block;
}

template <class Key>
void PrefixTrie<Key>::free_block(std::uint32_t block, std::size_t size_class) noexcept {
  blocks_[block] = free_blocks_[size_class];
  free_blocks_[size_class] = block;
}

template <class Key>
void PrefixTrie<Key>::move_block(Node& node, std::size_t size_class) noexcept {
  const std::uint32_t block = take_block(size_class);
  std::copy_n(blocks_.data() + node.block, references(node), blocks_.data() + block);
  free_block(node.block, node.size_class);
  node.block = block;
  node.size_class = static_cast<std::uint8_t>(size_class);
}

template <class Key>
void PrefixTrie<Key>::clear() noexcept {
  root_ = free_entry_ = free_node_ = kNone;
  free_blocks_ = kNoBlocks;
  size_ = 0;
  entries_ = std::vector<Entry>();
  nodes_ = std::vector<Node>();
  blocks_ = std::vector<Ref>();
}

template <class Key>
std::size_t PrefixTrie<Key>::memory() const noexcept {
  return entries_.capacity() * sizeof(Entry) + nodes_.capacity() * sizeof(Node) + blocks_.capacity() * sizeof(Ref);
}

template class PrefixTrie<std::uint32_t>;
template class PrefixTrie<Key128>;

}  // namespace culvert
