// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace culvert {

/// An IPv6 address as a number. (`unsigned __int128` would align to 16 octets and make every entry a third larger.)
struct Key128 {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  friend bool operator==(const Key128&, const Key128&) = default;
};

/// Room for `more` items in steps of a quarter, so that a million prefixes do not hold the memory of two.
template <class T>
void make_room_in(std::vector<T>& items, std::size_t more) {
  const std::size_t needed = items.size() + more;
  if (needed > items.capacity()) items.reserve(std::max(needed, items.capacity() + items.capacity() / 4));
}

/// Longest-prefix match over keys of 32 or 128 bits. Owns the prefixes and the tree above them; who owns which prefix
/// is a number that it only hands back. Essay and numbers: prefix_trie.cpp. A prefix is its key with all host bits
/// zero, and its `tail`: the number of host bits, 0 for a single address.
template <class Key>
class PrefixTrie {
 public:
  PrefixTrie() = default;
  // No cheap move: a moved-from tree would keep its root.
  PrefixTrie(const PrefixTrie&) = default;
  PrefixTrie& operator=(const PrefixTrie&) = default;
  ~PrefixTrie() = default;

  using Id = std::uint32_t;  // of a prefix, good until it is erased
  static constexpr Id kNone = ~Id{0};

  struct Entry {
    Key key;
    std::uint32_t owner;
    std::uint8_t tail;
  };

  /// The owner of the longest prefix that holds `key`, or `nobody`. Does not allocate.
  [[nodiscard]] std::uint32_t lookup(const Key& key, std::uint32_t nobody) const noexcept;
  /// Exactly this prefix, or kNone.
  [[nodiscard]] Id find(const Key& key, unsigned tail) const noexcept;

  /// The prefix must not be there. On std::bad_alloc nothing changed.
  Id insert(const Key& key, unsigned tail, std::uint32_t owner);
  void erase(Id id) noexcept;
  void clear() noexcept;
  void set_owner(Id id, std::uint32_t owner) noexcept { entries_[id].owner = owner; }
  /// borrowed: until the next insert.
  [[nodiscard]] const Entry& operator[](Id id) const noexcept { return entries_[id]; }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t memory() const noexcept;

 private:
  /// kNone, an entry's id with kLeaf set, or the index of a node.
  using Ref = std::uint32_t;
  static constexpr Ref kLeaf = Ref{1} << 31;

  /// Branches on the 6 key bits [shift, shift + 6). Its references stand in one block: children, then own prefixes.
  struct Node {
    std::uint64_t children = 0;  // bit c: a reference for all keys whose 6 bits are c
    std::uint64_t prefixes = 0;  // bit (1 << n | top n of the 6 bits), n 0 to 5: a prefix that ends after those n bits
    std::uint32_t block = 0;     // its first reference in blocks_; of a free node: the next free one
    std::uint8_t shift = 0;      // a multiple of 6
    std::uint8_t size_class = 0;
  };
  static_assert(sizeof(Node) == 24);

  /// Where a blind descent for a key ended, and the longest own prefix that the nodes on its way had for the key.
  struct Descent {
    Ref end;  // a leaf, or kNone
    const Node* holder;
    std::uint64_t hits;  // bits of holder->prefixes, not zero if there is a holder
  };

  // A node has at least 2 references (else it would not be there) and at most 64 + 63.
  static constexpr std::array<std::uint8_t, 12> kBlockSizes = {2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 127};
  static constexpr auto kNoBlocks = [] {
    std::array<std::uint32_t, kBlockSizes.size()> none{};
    none.fill(kNone);
    return none;
  }();
  static std::size_t class_for(unsigned references) noexcept;

  [[nodiscard]] Descent descend(const Key& key, unsigned agreed_tail) const noexcept;
  [[nodiscard]] Id longest(const Node& node, std::uint64_t hits) const noexcept;
  [[nodiscard]] const Entry& nearest(const Key& key) const noexcept;
  [[nodiscard]] Ref join(Ref old_ref, const Entry& below_old, Id id, int shift) noexcept;

  void make_room();
  Id take_entry(const Key& key, unsigned tail, std::uint32_t owner) noexcept;
  Ref take_node(int shift) noexcept;
  [[nodiscard]] bool has_room_for(std::size_t size_class) const noexcept;
  std::uint32_t take_block(std::size_t size_class) noexcept;
  void free_block(std::uint32_t block, std::size_t size_class) noexcept;
  void move_block(Node& node, std::size_t size_class) noexcept;

  enum class Map : std::uint8_t { children, prefixes };
  struct Position {
    Map map;
    std::uint64_t bit;
  };
  [[nodiscard]] static Position position(const Entry& entry, int shift) noexcept;
  [[nodiscard]] static unsigned rank(const Node& node, Position position) noexcept;
  [[nodiscard]] static unsigned references(const Node& node) noexcept;
  void add(Node& node, Position position, Ref ref) noexcept;
  void remove(Node& node, Position position) noexcept;

  Ref root_ = kNone;
  Id free_entry_ = kNone;                                                  // linked by Entry::owner
  Ref free_node_ = kNone;                                                  // linked by Node::block
  std::array<std::uint32_t, kBlockSizes.size()> free_blocks_ = kNoBlocks;  // linked by each block's first reference
  std::size_t size_ = 0;
  std::vector<Entry> entries_;
  std::vector<Node> nodes_;
  std::vector<Ref> blocks_;
};

extern template class PrefixTrie<std::uint32_t>;
extern template class PrefixTrie<Key128>;

}  // namespace culvert
