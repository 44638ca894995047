// SPDX-License-Identifier: MIT
#include "config.hpp"

#include <algorithm>

namespace culvert::config {

bool Config::full_tunnel(Family family) const noexcept {
  // Two halves (0.0.0.0/1 and 128.0.0.0/1) are ordinary routes and need no policy: only /0 counts.
  return std::any_of(peers.begin(), peers.end(), [family](const PeerConfig& peer) {
    return std::any_of(peer.allowed_ips.begin(), peer.allowed_ips.end(), [family](const Prefix& prefix) {
      return prefix.address.family == family && prefix.length == 0;
    });
  });
}

std::string Finding::message() const {
  std::string text = place.file;
  if (place.line != 0) text += ':' + std::to_string(place.line);
  if (place.line != 0 && place.column != 0) text += ':' + std::to_string(place.column);
  if (!text.empty()) text += ": ";
  text += grade == Grade::error ? "error: " : "warning: ";
  if (!key.empty()) text += value.empty() ? key + ": " : key + " = " + value + ": ";
  return text + reason;
}

std::string to_string(const HostPort& endpoint) {
  const bool bracketed = endpoint.host.find(':') != std::string::npos;
  return (bracketed ? '[' + endpoint.host + ']' : endpoint.host) + ':' + std::to_string(unsigned{endpoint.port});
}

std::string to_string(const RoutingTable& table) {
  switch (table.kind) {
    case RoutingTable::Kind::automatic:
      return "auto";
    case RoutingTable::Kind::off:
      return "off";
    case RoutingTable::Kind::number:
      return std::to_string(table.number);
  }
  return {};
}

std::string_view to_string(DnsBackend backend) noexcept {
  switch (backend) {
    case DnsBackend::automatic:
      return "auto";
    case DnsBackend::resolved:
      return "resolved";
    case DnsBackend::resolvconf:
      return "resolvconf";
    case DnsBackend::file:
      return "file";
  }
  return {};
}

}  // namespace culvert::config
