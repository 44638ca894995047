// SPDX-License-Identifier: MIT
// Whom this host asks for names: read out of /etc/resolv.conf, and out of what resolvectl prints. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <culvert/address.hpp>

namespace culvert::cli {

struct NameServer {
  IpAddress address;
  std::string link;  // by which alone it is reached: of a link-local address; else empty

  friend bool operator==(const NameServer&, const NameServer&) = default;
};

struct NameServers {
  std::vector<NameServer> asked;  // for any name
  std::vector<NameServer> other;  // for names of some domains alone

  [[nodiscard]] bool knows(const IpAddress& address) const noexcept;
};

/// The servers in the text of a resolv.conf.
[[nodiscard]] std::vector<NameServer> nameservers_in(std::string_view resolv_conf);

/// systemd-resolved answers on this address, and asks others itself.
[[nodiscard]] bool is_stub_of_resolved(const IpAddress& address) noexcept;

/// What `resolvectl dns`, `resolvectl domain` and `resolvectl default-route` print. Links with the domain "~." are
/// asked for all names; where there is none, those that are default routes of names are, and the servers of all.
[[nodiscard]] NameServers servers_of_resolved(std::string_view dns, std::string_view domain,
                                              std::string_view default_route);

}  // namespace culvert::cli
