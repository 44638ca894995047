// SPDX-License-Identifier: MIT
#include "link_drops.hpp"

#include <ifaddrs.h>
#include <linux/if_link.h>
#include <sys/socket.h>

#include <cstring>
#include <memory>

namespace culvert::io {

std::uint64_t link_drops(const std::string& name) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return 0;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owned(list, &::freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (name != entry->ifa_name || entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_PACKET) continue;
    if (entry->ifa_data == nullptr) continue;
    rtnl_link_stats stats;
    std::memcpy(&stats, entry->ifa_data, sizeof stats);
    return stats.tx_dropped;
  }
  return 0;
}

}  // namespace culvert::io
