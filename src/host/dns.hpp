// SPDX-License-Identifier: MIT
// Which servers the host asks for names, in one of three ways:
//   resolved    systemd-resolved over D-Bus, where it runs and /etc/resolv.conf points to it: settings of the link
//   resolvconf  the program of that name, called as wg-quick calls it, where it is installed
//   file        /etc/resolv.conf itself, put aside in the journal and brought back octet for octet
//
// Tunnels share the file: the servers of the last that set it stand there. When it goes, another's that is still up do,
// and when the last goes, what was before the first, in whatever order they end. They know of each other by their
// journals in one folder.
#pragma once

#include <string>
#include <vector>

#include <culvert/address.hpp>
#include <culvert/result.hpp>

#include "host_failure.hpp"
#include "journal.hpp"
#include "plan.hpp"

namespace culvert::host {

struct DnsPlaces {
  std::string resolv_conf = "/etc/resolv.conf";
  std::string bus;  // address of the message bus; empty: that of the system
  std::string resolvconf_folders = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  std::string interface_order = "/etc/resolvconf/interface-order";
  std::string outside_list = "/run/systemd/resolve/resolv.conf";  // of resolved: the servers of all links
};

/// Chooses the way and reads what must be brought back. Changes nothing.
[[nodiscard]] Result<Before, Failure> look_at_dns(const DnsPlaces& places, const std::string& journals,
                                                  const std::string& interface, const step::Dns& step);
[[nodiscard]] Result<void, Failure> set_dns(const DnsPlaces& places, const std::string& interface,
                                            const step::Dns& step, const Before& before);
[[nodiscard]] Result<void, Failure> restore_dns(const DnsPlaces& places, const std::string& journals,
                                                const std::string& interface, const Before& before);

/// The text of a resolv.conf: what `resolvconf` reads, and what stands in the file below a line that says whose it is.
[[nodiscard]] std::string resolv_conf_text(const step::Dns& step);

/// The servers that the network outside gave, for a captive portal: from the list of resolved, or from the file as it
/// was before the tunnel, as the journal has it. Without those of the tunnel.
[[nodiscard]] std::vector<IpAddress> outside_resolvers(const DnsPlaces& places, const std::vector<Made>& made);

}  // namespace culvert::host
