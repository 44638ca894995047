// SPDX-License-Identifier: MIT
// The table of allowed IPs beside a list. Input: steps on prefixes that are drawn close together, so that they nest.
#include "allowed_ips.hpp"

#include <algorithm>

#include "support/input.hpp"

using namespace culvert;
using namespace culvert::fuzz;

namespace {

constexpr AllowedIps::Owner kOwners = 5;

class List {
 public:
  void insert(const Prefix& prefix, AllowedIps::Owner owner) {
    std::erase_if(items_, [&](const Item& item) { return item.prefix == masked(prefix); });
    items_.push_back({masked(prefix), owner});
  }
  bool remove(const Prefix& prefix, AllowedIps::Owner owner) {
    return std::erase(items_, Item{masked(prefix), owner}) != 0;
  }
  void remove_owner(AllowedIps::Owner owner) {
    std::erase_if(items_, [&](const Item& item) { return item.owner == owner; });
  }
  void clear() { items_.clear(); }
  [[nodiscard]] AllowedIps::Owner lookup(const IpAddress& address) const {
    const Item* best = nullptr;
    for (const Item& item : items_)
      if (masked({address, item.prefix.length}).address == item.prefix.address &&
          (best == nullptr || item.prefix.length > best->prefix.length))
        best = &item;
    return best == nullptr ? AllowedIps::kNobody : best->owner;
  }
  [[nodiscard]] std::vector<Prefix> of(AllowedIps::Owner owner) const {
    std::vector<Prefix> result;
    for (const Family family : {Family::v4, Family::v6})
      for (const Item& item : items_)
        if (item.owner == owner && item.prefix.address.family == family) result.push_back(item.prefix);
    return result;
  }
  [[nodiscard]] std::size_t size() const { return items_.size(); }

 private:
  struct Item {
    Prefix prefix;
    AllowedIps::Owner owner;
    friend bool operator==(const Item&, const Item&) = default;
  };
  std::vector<Item> items_;
};

IpAddress near_address(Input& input) {
  IpAddress address;
  const std::uint8_t how = input.octet();
  address.family = how & 1 ? Family::v6 : Family::v4;
  const std::size_t n = address.bytes().size();
  for (std::size_t i = 0; i < n; ++i) address.octets[i] = how & 2 ? 0xff : 0x20;
  // Bits near the front, the middle or the end of the address.
  for (int k = 0; k < 2; ++k) {
    const std::size_t at = input.below(n);
    address.octets[at] ^= input.octet();
  }
  return address;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, std::min<std::size_t>(size, 4096));
  AllowedIps table;
  List list;
  while (!input.empty()) {
    const std::uint8_t what = input.octet();
    const AllowedIps::Owner owner = what / 8 % kOwners;
    const IpAddress address = near_address(input);
    const Prefix prefix{address, static_cast<std::uint8_t>(input.octet() % (address_bits(address.family) + 1))};
    switch (what % 8) {
      case 0:
      case 1:
      case 2:
      case 3:
        table.insert(prefix, owner);
        list.insert(prefix, owner);
        require(table.owner_of(prefix) == owner, "who inserted a prefix has it");
        break;
      case 4:
      case 5:
        require(table.remove(prefix, owner) == list.remove(prefix, owner), "only the owner removes");
        break;
      case 6:
        table.remove_owner(owner);
        list.remove_owner(owner);
        break;
      case 7:
        if (owner == 0) {
          table.clear();
          list.clear();
        }
        break;
    }
    require(table.lookup(address) == list.lookup(address), "the longest prefix answers");
    require(table.size() == list.size(), "as many as there are");
    require(table.of(owner) == list.of(owner), "an owner's prefixes in their order");
  }
  for (AllowedIps::Owner owner = 0; owner < kOwners; ++owner)
    require(table.of(owner) == list.of(owner), "every owner's prefixes in their order");
  return 0;
}
