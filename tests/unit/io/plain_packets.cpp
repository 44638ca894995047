// SPDX-License-Identifier: MIT
#include "plain_packets.hpp"

namespace plain {
namespace {

void put8(Octets& out, unsigned value) { out.push_back(static_cast<std::uint8_t>(value)); }
void put16(Octets& out, std::size_t value) {
  put8(out, static_cast<unsigned>(value >> 8 & 255));
  put8(out, static_cast<unsigned>(value & 255));
}
void put32(Octets& out, std::size_t value) {
  put16(out, value >> 16 & 65535);
  put16(out, value & 65535);
}
void put(Octets& out, const Octets& more) { out.insert(out.end(), more.begin(), more.end()); }
void set16(Octets& out, std::size_t at, std::size_t value) {
  out[at] = static_cast<std::uint8_t>(value >> 8);
  out[at + 1] = static_cast<std::uint8_t>(value);
}
std::size_t get16(const Octets& octets, std::size_t at) { return std::size_t{octets[at]} * 256 + octets[at + 1]; }

void put_address(Octets& out, int version, unsigned net, std::uint8_t host) {
  if (version == 4) {
    put(out, {10, static_cast<std::uint8_t>(net), 0, host});
    return;
  }
  put(out, {0xfd, static_cast<std::uint8_t>(net == 98 ? 0x98 : 0x99)});
  put(out, Octets(13, 0));
  put8(out, host);
}

std::size_t transport_header(const Spec& spec) { return spec.protocol == 17 ? 8 : 20 + spec.tcp_options.size(); }

Octets ip_header(const Spec& spec) {
  Octets out;
  const std::size_t behind = transport_header(spec) + spec.payload.size();
  if (spec.version == 4) {
    const std::size_t own = 20 + spec.ip_options.size();
    put8(out, static_cast<unsigned>(0x40 + own / 4));
    put8(out, spec.tos);
    put16(out, own + behind);
    put16(out, spec.id);
    put16(out, spec.fragment);
    put8(out, spec.ttl);
    put8(out, static_cast<unsigned>(spec.protocol));
    put16(out, 0);
    put_address(out, 4, 98, spec.source);
    put_address(out, 4, 99, spec.target);
    put(out, spec.ip_options);
    set16(out, 10, 0xffff - sum(out, 0, own));
    return out;
  }
  put32(out, 0x60000000u + (std::size_t{spec.tos} << 20) + spec.flow_label);
  put16(out, spec.extensions.size() + behind);
  put8(out, static_cast<unsigned>(spec.first_extension >= 0 ? spec.first_extension : spec.protocol));
  put8(out, spec.ttl);
  put_address(out, 6, 98, spec.source);
  put_address(out, 6, 99, spec.target);
  put(out, spec.extensions);
  return out;
}

std::uint16_t pseudo(int version, const Octets& packet, int protocol, std::size_t length) {
  Octets header;
  if (version == 4) {
    header.assign(packet.begin() + 12, packet.begin() + 20);
    put8(header, 0);
    put8(header, static_cast<unsigned>(protocol));
    put16(header, length);
  } else {
    header.assign(packet.begin() + 8, packet.begin() + 40);
    put32(header, length);
    put32(header, static_cast<std::size_t>(protocol));
  }
  return sum(header, 0, header.size());
}

std::size_t field_at(const Spec& spec) { return ip_octets(spec) + (spec.protocol == 17 ? 6 : 16); }

Octets build_without_checksum(const Spec& spec) {
  Octets out = ip_header(spec);
  put16(out, spec.source_port);
  put16(out, spec.target_port);
  if (spec.protocol == 17) {
    put16(out, 8 + spec.payload.size());
    put16(out, 0);
  } else {
    put32(out, spec.seq);
    put32(out, spec.ack);
    put8(out, static_cast<unsigned>(transport_header(spec) / 4 * 16 + spec.reserved));
    put8(out, spec.flags);
    put16(out, spec.window);
    put16(out, 0);
    put16(out, spec.urgent);
    put(out, spec.tcp_options);
  }
  put(out, spec.payload);
  return out;
}

}  // namespace

std::uint16_t sum(const Octets& octets, std::size_t from, std::size_t count, std::uint32_t start) {
  std::uint32_t total = start;
  for (std::size_t i = 0; i < count; ++i) {
    total += i % 2 == 0 ? octets[from + i] * 256u : octets[from + i];
    if (total > 0xffff) total = total - 0x10000 + 1;
  }
  return static_cast<std::uint16_t>(total);
}

std::size_t ip_octets(const Spec& spec) {
  return spec.version == 4 ? 20 + spec.ip_options.size() : 40 + spec.extensions.size();
}
std::size_t header_octets(const Spec& spec) { return ip_octets(spec) + transport_header(spec); }

Octets build_partial(const Spec& spec) {
  Octets out = build_without_checksum(spec);
  set16(out, field_at(spec), pseudo(spec.version, out, spec.protocol, out.size() - ip_octets(spec)));
  return out;
}

Octets build(const Spec& spec) {
  Octets out = build_partial(spec);
  const std::size_t start = ip_octets(spec);
  std::size_t field = 0xffffu - sum(out, start, out.size() - start);
  if (field == 0 && spec.protocol == 17) field = 0xffff;
  set16(out, field_at(spec), field);
  return out;
}

std::vector<Octets> split(const Spec& spec, std::size_t payload_octets) {
  std::vector<Octets> packets;
  std::size_t at = 0;
  do {
    const std::size_t count = std::min(payload_octets, spec.payload.size() - at);
    Spec one = spec;
    const auto from = spec.payload.begin() + static_cast<std::ptrdiff_t>(at);
    one.payload.assign(from, from + static_cast<std::ptrdiff_t>(count));
    one.id = static_cast<std::uint16_t>(spec.id + packets.size());
    one.seq = spec.seq + static_cast<std::uint32_t>(at);
    if (at > 0) one.flags = static_cast<std::uint8_t>(one.flags & ~0x80);                            // CWR
    if (at + count < spec.payload.size()) one.flags = static_cast<std::uint8_t>(one.flags & ~0x09);  // FIN, PSH
    packets.push_back(build(one));
    at += count;
  } while (at < spec.payload.size());
  return packets;
}

std::string flaw(const Octets& packet) {
  if (packet.size() < 28) return "too short for IP and UDP";
  const int version = packet[0] / 16;
  std::size_t start = 40;
  int protocol = packet[6];
  if (version == 4) {
    start = packet[0] % 16 * std::size_t{4};
    protocol = packet[9];
    if (get16(packet, 2) != packet.size()) return "IPv4 total length";
    if (start < 20 || start > packet.size() || sum(packet, 0, start) != 0xffff) return "IPv4 header checksum";
  } else {
    if (packet.size() < 48 || get16(packet, 4) + 40 != packet.size()) return "IPv6 payload length";
    while (protocol == 0 || protocol == 43 || protocol == 60) {
      protocol = packet.at(start);
      start += (packet.at(start + 1) + std::size_t{1}) * 8;
    }
  }
  if (protocol != 6 && protocol != 17) return "protocol " + std::to_string(protocol);
  if (protocol == 17 && get16(packet, start + 4) != packet.size() - start) return "UDP length";
  if (protocol == 17 && get16(packet, start + 6) == 0) return "UDP checksum missing";
  const std::uint16_t begin = pseudo(version, packet, protocol, packet.size() - start);
  return sum(packet, start, packet.size() - start, begin) == 0xffff ? "" : "transport checksum";
}

Octets forwarded(Octets packet) {
  if (packet[0] / 16 == 6) {
    --packet[7];
    return packet;
  }
  --packet[8];
  set16(packet, 10, 0);
  set16(packet, 10, 0xffffu - sum(packet, 0, packet[0] % 16 * std::size_t{4}));
  return packet;
}

Octets without_idle_id(Octets packet) {
  if (packet[0] / 16 == 6 || (packet[6] & 0x40) == 0) return packet;
  set16(packet, 4, 0);
  set16(packet, 10, 0);
  set16(packet, 10, 0xffffu - sum(packet, 0, packet[0] % 16 * std::size_t{4}));
  return packet;
}

Octets random_octets(std::mt19937_64& random, std::size_t count) {
  Octets out(count);
  for (auto& octet : out) octet = static_cast<std::uint8_t>(random());
  return out;
}

}  // namespace plain
