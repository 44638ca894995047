// SPDX-License-Identifier: MIT
#include "surroundings.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <bit>
#include <fstream>
#include <memory>
#include <sstream>

#include "socket_name.hpp"
#include "unique_fd.hpp"

namespace culvert::cli {
namespace {

constexpr std::uint16_t kFirstPort = 51820;  // WireGuard's usual one
constexpr std::uint16_t kDiscardPort = 9;

std::optional<IpAddress> address_of(const sockaddr* name) noexcept {
  const auto endpoint = io::from_socket_name(name);
  return endpoint ? std::optional(endpoint->address) : std::nullopt;
}

/// Connecting a datagram socket sends nothing; it asks the kernel for the route and the source address.
std::optional<IpAddress> source_towards(const char* far_away) {
  const IpAddress to = *parse_address(far_away);
  const io::UniqueFd fd(::socket(io::socket_domain(to.family), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd || io::connect_to(fd.get(), {to, kDiscardPort, 0}) != 0) return std::nullopt;
  io::SocketName name{};
  socklen_t octets = sizeof name;
  if (::getsockname(fd.get(), &name.generic, &octets) != 0) return std::nullopt;
  return address_of(&name.generic);
}

bool is_free(std::uint16_t port) {
  const io::UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  return fd && ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0;
}

bool is_in(const IpAddress& address, const char* network) noexcept {
  const auto prefix = parse_prefix(network);
  return prefix && prefix->address.family == address.family &&
         masked({address, prefix->length}).address == prefix->address;
}

}  // namespace

Surroundings look_around() {
  Surroundings found;
  std::ifstream routes("/proc/net/route");
  std::stringstream text;
  text << routes.rdbuf();
  found.outside_interface = default_interface(text.str());
  // Any address of the Internet does for the question; these are of the documentation's networks.
  found.outside = source_towards("198.51.100.1");
  if (const auto v6 = source_towards("2001:db8::1");
      v6 && is_public(*v6) && (!found.outside || !is_public(*found.outside)))
    found.outside = v6;
  found.addresses = host_addresses();
  found.free_port = kFirstPort;
  while (!is_free(found.free_port) && found.free_port < kFirstPort + 100) ++found.free_port;
  return found;
}

std::vector<config::HostAddress> host_addresses() {
  std::vector<config::HostAddress> addresses;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return addresses;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, ::freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    const auto address = address_of(entry->ifa_addr), mask = address_of(entry->ifa_netmask);
    if (!address || !mask || (entry->ifa_flags & IFF_LOOPBACK) != 0) continue;
    std::uint8_t length = 0;
    for (const std::uint8_t octet : mask->bytes()) length = static_cast<std::uint8_t>(length + std::popcount(octet));
    addresses.push_back({entry->ifa_name, {*address, length}});
  }
  return addresses;
}

bool is_public(const IpAddress& address) noexcept {
  constexpr std::array kNotPublic{"0.0.0.0/8",      "10.0.0.0/8",    "100.64.0.0/10",  "127.0.0.0/8",
                                  "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3",
                                  "::/8",           "fc00::/7",      "fe80::/10",      "ff00::/8"};
  return std::none_of(kNotPublic.begin(), kNotPublic.end(),
                      [&](const char* network) { return is_in(address, network); });
}

std::string default_interface(std::string_view proc_net_route) {
  std::istringstream lines{std::string(proc_net_route)};
  std::string line, best;
  unsigned long least = 0;
  std::getline(lines, line);  // the heading
  while (std::getline(lines, line)) {
    std::istringstream fields(line);
    std::string interface, destination, gateway, flags, references, use, metric, mask;
    if (!(fields >> interface >> destination >> gateway >> flags >> references >> use >> metric >> mask)) continue;
    if (destination != "00000000" || mask != "00000000") continue;
    const unsigned long cost = std::strtoul(metric.c_str(), nullptr, 10);
    if (best.empty() || cost < least) {
      best = interface;
      least = cost;
    }
  }
  return best;
}

bool overlap(const Prefix& a, const Prefix& b) noexcept {
  if (a.address.family != b.address.family) return false;
  const std::uint8_t length = std::min(a.length, b.length);
  return masked({a.address, length}) == masked({b.address, length});
}

}  // namespace culvert::cli
