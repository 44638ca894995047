// SPDX-License-Identifier: MIT
// Input: steps, each of which makes one packet. A step either brings a packet of its own, or continues the one before:
// the next sequence number and identification, one octet changed, and checksums made right, so that groups come about.
// A step can also flush, or let the queue fail for a while. Every packet must be written or counted as lost, and what
// was joined must cut back to the octets that went in, in the order of its flow.
#include <array>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <vector>

#include "coalesce.hpp"
#include "packet_fields.hpp"
#include "segment.hpp"

namespace {

using culvert::Bytes;
using culvert::Err;
using culvert::MutBytes;
using culvert::Result;
using culvert::io::ChecksumSum;
using culvert::io::TunFault;
using culvert::io::TunStop;
using culvert::io::VnetHeader;
using Packet = std::vector<std::uint8_t>;

void check(bool holds) {
  if (!holds) std::abort();
}

/// Where the identification means nothing it may change.
Packet without_idle_id(Packet packet) {
  if (packet.size() < 20 || packet[0] != 0x45 || (packet[6] & 0x40) == 0) return packet;
  for (const std::size_t at : {4u, 5u, 10u, 11u}) packet[at] = 0;
  return packet;
}

/// Protocol, addresses and ports.
Packet flow_of(const Packet& packet) {
  Packet flow;
  if (packet.size() >= 24 && packet[0] == 0x45) {
    flow.assign(packet.begin() + 12, packet.begin() + 24);
    flow.push_back(packet[9]);
  } else if (packet.size() >= 44 && packet[0] >> 4 == 6) {
    flow.assign(packet.begin() + 8, packet.begin() + 44);
    flow.push_back(packet[6]);
  }
  return flow;
}

class CheckingQueue final : public culvert::io::TunQueue {
 public:
  int fail_with = 0;  // errno for everything, or 0
  bool refuse_joined = false;
  std::deque<Packet> expected;  // in order of arrival
  std::size_t taken = 0;

  Result<culvert::io::SuperPacket, TunFault> read(MutBytes) noexcept override {
    return Err{TunFault{TunStop::empty, 0}};
  }
  Result<void, TunFault> write(const VnetHeader& header, std::span<const iovec> parts) noexcept override {
    if (fail_with != 0) return Err{TunFault{TunStop::down, fail_with}};
    if (refuse_joined && header.gso_type != 0) return Err{TunFault{TunStop::refused, 22}};
    Packet whole;
    for (const iovec& part : parts) {
      const auto* octets = static_cast<const std::uint8_t*>(part.iov_base);
      whole.insert(whole.end(), octets, octets + part.iov_len);
    }
    if (header.gso_type == 0) {
      take(whole);
      return {};
    }
    const auto planned = culvert::io::plan(header, whole);
    check(planned.has_value() && planned->count > 1);
    for (std::size_t i = 0; i < planned->count; ++i) {
      Packet packet(planned->size(i));
      check(culvert::io::write_segment(*planned, i, packet) == packet.size());
      take(packet);
    }
    return {};
  }
  int descriptor() const noexcept override { return -1; }

 private:
  /// The oldest packet of that flow must be this one.
  void take(const Packet& packet) {
    ++taken;
    for (auto at = expected.begin(); at != expected.end(); ++at) {
      if (flow_of(*at) != flow_of(packet)) continue;
      check(without_idle_id(*at) == without_idle_id(packet));
      expected.erase(at);
      return;
    }
    std::abort();
  }
};

void fix_checksums(MutBytes packet) {
  namespace io = culvert::io;
  const bool is_v4 = packet.size() >= 28 && packet[0] == 0x45;
  const bool is_v6 = packet.size() >= 48 && packet[0] >> 4 == 6;
  if (!is_v4 && !is_v6) return;
  if (is_v4) {
    io::store16(packet, 2, packet.size());
    io::store16(packet, 10, 0);
    ChecksumSum sum;
    sum.add(packet.first(20));
    io::store(packet, 10, sum.checksum());
  } else {
    io::store16(packet, 4, packet.size() - 40);
  }
  const MutBytes transport = packet.subspan(is_v4 ? 20 : 40);
  const std::uint8_t protocol = packet[is_v4 ? 9 : 6];
  const std::size_t field = protocol == 17 ? 6 : 16;
  if ((protocol != 6 && protocol != 17) || transport.size() < field + 2) return;
  if (protocol == 17) io::store16(transport, 4, transport.size());
  io::store16(transport, field, 0);
  ChecksumSum sum = io::pseudo_header(is_v4 ? packet.subspan(12, 8) : packet.subspan(8, 32), protocol,
                                      static_cast<std::uint32_t>(transport.size()));
  sum.add(transport);
  io::store(transport, field, sum.checksum());
}

Packet continued(Packet packet, std::uint8_t at, std::uint8_t change) {
  namespace io = culvert::io;
  const bool is_v4 = packet.size() >= 40 && packet[0] == 0x45;
  const std::size_t transport = is_v4 ? 20 : 40;
  if (is_v4) io::store16(packet, 4, io::load16(packet, 4) + 1u);
  if (packet.size() >= transport + 20) {
    const std::size_t headers = transport + io::tcp_header_octets(Bytes(packet).subspan(transport));
    if (headers <= packet.size() && packet[is_v4 ? 9 : 6] == 6) {
      const auto step = static_cast<std::uint32_t>(packet.size() - headers);
      io::store32(packet, transport + 4, io::load32(packet, transport + 4) + step);
    }
  }
  if (!packet.empty()) packet[at % packet.size()] ^= change;
  fix_checksums(packet);
  return packet;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using culvert::io::Coalescing;
  CheckingQueue queue;
  culvert::io::Coalescer coalescer(queue, {.tcp = Coalescing::on, .udp = Coalescing::on});
  std::deque<Packet> packets;  // alive until the flush
  std::size_t added = 0;
  const auto flush = [&] {
    const auto outcome = coalescer.flush();
    check(outcome.written + outcome.lost == added && outcome.written == queue.taken);
    check(outcome.lost > 0 || queue.expected.empty());
    packets.clear();
    queue.expected.clear();
    added = queue.taken = 0;
  };

  Packet last;
  while (size >= 3) {
    const std::uint8_t step = data[0], a = data[1], b = data[2];
    data += 3;
    size -= 3;
    if (step % 4 == 0) {
      const std::size_t octets = std::min<std::size_t>(size, a);
      last.assign(data, data + octets);
      if (b % 2 == 0) fix_checksums(last);
      data += octets;
      size -= octets;
    } else if (step % 4 == 1) {
      flush();
      queue.fail_with = a == 1 ? 5 : 0;
      queue.refuse_joined = b == 1;
      continue;
    } else {
      last = continued(last, a, step % 4 == 2 ? b : 0);
    }
    packets.push_back(last);
    if (queue.fail_with == 0) queue.expected.push_back(last);
    coalescer.add(packets.back());
    ++added;
  }
  flush();
  return 0;
}
