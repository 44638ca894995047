// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <culvert/result.hpp>

#include "dns.hpp"

namespace culvert::host {

/// The program's path; empty: it is not installed.
[[nodiscard]] std::string find_resolvconf(const DnsPlaces& places);

/// The name under which the settings are registered: that of the interface behind the first prefix that the host's
/// order of interfaces gives to all of a kind, "tun." for the most part, as wg-quick has it.
[[nodiscard]] Result<Before, Failure> look_at_resolvconf(const DnsPlaces& places, const std::string& interface);
/// `resolvconf -a NAME -m 0 -x`, with the text on its standard input.
[[nodiscard]] Result<void, Failure> set_resolvconf(const DnsPlaces& places, const Before& before,
                                                   const std::string& text);
/// `resolvconf -d NAME -f`
[[nodiscard]] Result<void, Failure> restore_resolvconf(const DnsPlaces& places, const Before& before);

}  // namespace culvert::host
