// SPDX-License-Identifier: MIT
#include "private_ranges.hpp"

#include <algorithm>
#include <array>

namespace culvert::host {
namespace {

constexpr std::array kPrivate = {"10.0.0.0/8",     "172.16.0.0/12", "192.168.0.0/16",
                                 "169.254.0.0/16", "fc00::/7",      "fe80::/10"};

// [RFC 5771 4] local control; [RFC 2365] administrative scope; the limited broadcast; [RFC 4291 2.7] link and site
// scope.
constexpr std::array kMany = {"224.0.0.0/24", "239.0.0.0/8", "255.255.255.255/32", "ff02::/16", "ff05::/16"};

}  // namespace

bool contains(const Prefix& network, const IpAddress& address) noexcept {
  return network.address.family == address.family && masked({address, network.length}) == masked(network);
}

bool is_private(const Prefix& network) noexcept {
  return std::any_of(kPrivate.begin(), kPrivate.end(), [&](const char* text) {
    const auto range = parse_prefix(text);
    return range && range->length <= network.length && contains(*range, network.address);
  });
}

std::string lan_ranges(Family family) {
  std::string list;
  const auto add = [&](const char* text) {
    if (const auto range = parse_prefix(text); range && range->address.family == family)
      list += (list.empty() ? "" : ", ") + std::string(text);
  };
  std::for_each(kPrivate.begin(), kPrivate.end(), add);
  std::for_each(kMany.begin(), kMany.end(), add);
  return list;
}

}  // namespace culvert::host
