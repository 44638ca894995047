// SPDX-License-Identifier: MIT
// Questions that the doctor sends to resolvers. They ask for the servers of the root, which betrays nobody.
#pragma once

#include <chrono>
#include <string>

#include <culvert/address.hpp>

namespace culvert::cli {

enum class DnsOutcome : std::uint8_t { answered, unanswered, port_closed, unreachable, forbidden };

struct DnsReply {
  DnsOutcome outcome = DnsOutcome::unanswered;
  unsigned code = 0;  // [RFC 1035 4.1.1] RCODE of an answer: 0 no error, 2 the server failed, 5 refused
  std::chrono::milliseconds took{0};
};

/// Asks as any program does, by whatever way the routes lead. Twice, and waits as long for each answer.
[[nodiscard]] DnsReply ask_resolver(const IpAddress& server, std::chrono::milliseconds within);

enum class OutsideWay : std::uint8_t { open, shut, none };
/// Whether this host lets a question out by the interface, sent as a program would that avoids the tunnel: to an
/// address kept for documentation, so that nobody gets it. none: the interface has no way to it.
[[nodiscard]] OutsideWay try_outside(const std::string& interface, Family family);

}  // namespace culvert::cli
