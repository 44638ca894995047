// SPDX-License-Identifier: MIT
#include "icmp_unreachable.hpp"

#include <algorithm>
#include <optional>

#include "checksum.hpp"
#include "ip.hpp"

namespace culvert::io {
namespace {

constexpr std::size_t kV4Octets = 20, kV6Octets = 40, kIcmpOctets = 8;
constexpr std::size_t kMostV4 = 576;  // what every host must take [RFC 1812 4.3.2.3]
constexpr std::uint8_t kIcmp4 = 1, kIcmp6 = 58, kFragmentHeader = 44;
constexpr std::uint8_t kUnreachable4 = 3, kHost = 1;
constexpr std::uint8_t kUnreachable6 = 1, kAddress = 3;
constexpr std::uint8_t kNetworkControl = 0xc0;
constexpr std::uint8_t kHops = 64;

bool is_of_many_or_none(const IpAddress& address) noexcept {
  const auto& o = address.octets;
  const std::size_t octets = address.family == Family::v4 ? 4 : 16;
  if (std::all_of(o.begin(), o.begin() + octets, [](std::uint8_t octet) { return octet == 0; })) return true;
  // 224.0.0.0 and all above it: multicast, reserved, broadcast.
  return address.family == Family::v4 ? o[0] == 0 || o[0] >= 224 : o[0] == 0xff;
}

/// What an ICMP message would be about; nullopt: a later fragment, or headers that cannot be followed.
struct Transport {
  std::uint8_t protocol = 0;
  std::size_t at = 0;
};

std::optional<Transport> transport4(Bytes packet) noexcept {
  if (((packet[6] & 0x1f) | packet[7]) != 0) return std::nullopt;
  return Transport{packet[9], std::size_t{4} * (packet[0] & 15)};
}

std::optional<Transport> transport6(Bytes packet) noexcept {
  Transport next{packet[6], kV6Octets};
  for (int headers = 0; headers < 8; ++headers) {
    const bool options = next.protocol == 0 || next.protocol == 43 || next.protocol == 60;
    if (!options && next.protocol != kFragmentHeader) return next;
    if (next.at + 8 > packet.size()) return std::nullopt;
    if (!options && ((packet[next.at + 2] << 8 | packet[next.at + 3]) & ~7) != 0) return std::nullopt;
    const std::size_t octets = options ? 8 + std::size_t{8} * packet[next.at + 1] : 8;
    next = {packet[next.at], next.at + octets};
  }
  return std::nullopt;
}

bool is_icmp_error(Family family, const Transport& transport, Bytes packet) noexcept {
  if (transport.protocol != (family == Family::v4 ? kIcmp4 : kIcmp6)) return false;
  if (transport.at >= packet.size()) return true;  // its type is not there to see
  const std::uint8_t type = packet[transport.at];
  if (family == Family::v6) return type < 128;
  return type != 0 && type != 8 && (type < 13 || type > 18);  // all but requests and replies
}

void put16(MutBytes out, std::size_t at, std::size_t value) noexcept {
  out[at] = static_cast<std::uint8_t>(value >> 8);
  out[at + 1] = static_cast<std::uint8_t>(value);
}

void put_sum(MutBytes out, std::size_t at, const ChecksumSum& sum) noexcept {
  const Octets<2> field = sum.checksum();
  std::copy(field.begin(), field.end(), out.begin() + static_cast<std::ptrdiff_t>(at));
}

std::size_t write4(Bytes packet, MutBytes out) noexcept {
  const std::size_t quoted = std::min(packet.size(), kMostV4 - kV4Octets - kIcmpOctets);
  const std::size_t size = kV4Octets + kIcmpOctets + quoted;
  std::fill_n(out.begin(), kV4Octets + kIcmpOctets, std::uint8_t{0});
  out[0] = 0x45;
  out[1] = kNetworkControl;
  put16(out, 2, size);
  out[8] = kHops;
  out[9] = kIcmp4;
  std::copy_n(packet.begin() + 16, 4, out.begin() + 12);  // from its destination
  std::copy_n(packet.begin() + 12, 4, out.begin() + 16);  // to its source
  ChecksumSum header;
  header.add(out.first(kV4Octets));
  put_sum(out, 10, header);

  out[kV4Octets] = kUnreachable4;
  out[kV4Octets + 1] = kHost;
  std::copy_n(packet.begin(), quoted, out.begin() + kV4Octets + kIcmpOctets);
  ChecksumSum message;
  message.add(out.subspan(kV4Octets, kIcmpOctets + quoted));
  put_sum(out, kV4Octets + 2, message);
  return size;
}

std::size_t write6(Bytes packet, MutBytes out) noexcept {
  const std::size_t quoted = std::min(packet.size(), kMostIcmpOctets - kV6Octets - kIcmpOctets);
  std::fill_n(out.begin(), kV6Octets + kIcmpOctets, std::uint8_t{0});
  out[0] = 0x60 | kNetworkControl >> 4;
  put16(out, 4, kIcmpOctets + quoted);
  out[6] = kIcmp6;
  out[7] = kHops;
  std::copy_n(packet.begin() + 24, 16, out.begin() + 8);
  std::copy_n(packet.begin() + 8, 16, out.begin() + 24);

  out[kV6Octets] = kUnreachable6;
  out[kV6Octets + 1] = kAddress;
  std::copy_n(packet.begin(), quoted, out.begin() + kV6Octets + kIcmpOctets);
  ChecksumSum message = pseudo_header(out.subspan(8, 32), kIcmp6, static_cast<std::uint32_t>(kIcmpOctets + quoted));
  message.add(out.subspan(kV6Octets, kIcmpOctets + quoted));
  put_sum(out, kV6Octets + 2, message);
  return kV6Octets + kIcmpOctets + quoted;
}

}  // namespace

std::size_t icmp_unreachable(Bytes packet, MutBytes out) noexcept {
  const auto view = wire::parse_ip(packet);
  if (!view || is_of_many_or_none(view->source) || is_of_many_or_none(view->destination)) return 0;
  const auto transport = view->family == Family::v4 ? transport4(packet) : transport6(packet);
  if (!transport || is_icmp_error(view->family, *transport, packet)) return 0;
  return view->family == Family::v4 ? write4(packet, out) : write6(packet, out);
}

}  // namespace culvert::io
