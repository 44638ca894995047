// SPDX-License-Identifier: MIT
// Cutting and joining held against the kernel's own. Two set-ups:
//
//  mirror    socket ── kernel ── TUN ── cut, addresses swapped, joined ──┐
//            socket ── kernel ── TUN ◄───────────────────────────────────┘
//            Swapped addresses keep every checksum, so that two sockets of one host talk through the device.
//
//  forward   TUN with offloads ── kernel forwards ── plain TUN
//            On the way the kernel has to cut super-packets and finish checksums, and its packets are compared with
//            ours octet by octet.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <map>
#include <sstream>

#include "coalesce.hpp"
#include "network_namespace.hpp"
#include "plain_packets.hpp"
#include "segment.hpp"
#include "tun.hpp"
#include "tun_system_queue.hpp"

namespace {

using namespace culvert::io;
using plain::Octets;
using plain::Spec;

struct Device {
  explicit Device(const std::string& name, TunOffload at_most, std::uint32_t mtu = 1420) {
    auto tun = open_tun({.name = name, .offload = at_most, .mtu = mtu});
    REQUIRE(tun.has_value());
    offload = tun->offload;
    queue = make_tun_queue(std::move(tun->queues[0]), UniqueFd(), tun->offload);
    run("ip link set " + name + " up");
  }
  std::unique_ptr<TunQueue> queue;
  TunOffload offload = TunOffload::none;
};

bool is_ready(int fd, short events) {
  pollfd asked{.fd = fd, .events = events, .revents = 0};
  return ::poll(&asked, 1, 20000) == 1;
}

// ---- mirror

constexpr char kOwn4[] = "10.98.0.1", kOther4[] = "10.98.0.2", kOwn6[] = "fd98::1", kOther6[] = "fd98::2";

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Address address(int family, const char* text, std::uint16_t port) {
  Address result;
  if (family == AF_INET) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(result.storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    REQUIRE(::inet_pton(AF_INET, text, &v4.sin_addr) == 1);
    result.size = sizeof v4;
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(result.storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    REQUIRE(::inet_pton(AF_INET6, text, &v6.sin6_addr) == 1);
    result.size = sizeof v6;
  }
  return result;
}

class Mirror {
 public:
  explicit Mirror(CoalesceOptions (*choose)(TunOffload))
      : device_("ct-mirror", TunOffload::udp), coalescer_(*device_.queue, choose(device_.offload)) {
    run("ip addr add 10.98.0.1/24 dev ct-mirror && ip addr add fd98::1/64 dev ct-mirror nodad");
  }

  /// Turns round all that waits.
  void turn_round() {
    std::deque<Octets> packets;
    while (const auto super = device_.queue->read(buffer_)) {
      if (!is_ours(super->packet)) continue;
      const auto planned = plan(super->header, super->packet);
      REQUIRE(planned.has_value());
      if (planned->count > 1) most_[static_cast<std::size_t>(planned->cut)] = planned->count;
      for (std::size_t i = 0; i < planned->count; ++i) {
        Octets& packet = packets.emplace_back(planned->size(i));
        REQUIRE(packet.size() <= 1420);
        REQUIRE(write_segment(*planned, i, packet) == packet.size());
        REQUIRE(plain::flaw(packet) == "");
        swap_addresses(packet);
        coalescer_.add(packet);
      }
    }
    const auto outcome = coalescer_.flush();
    CHECK(outcome.lost == 0);
    CHECK_FALSE(outcome.switched_off.has_value());
  }

  int descriptor() const { return device_.queue->descriptor(); }
  /// Packets in a super-packet that the kernel handed over last.
  std::size_t cut_into(SegmentPlan::Cut cut) const { return most_[static_cast<std::size_t>(cut)]; }
  std::uint64_t super_packets() const { return coalescer_.counters().super_packets; }
  TunOffload offload() const { return device_.offload; }

 private:
  static bool is_ours(culvert::Bytes packet) {
    if (packet[0] >> 4 == 4) return packet[19] == 2 && packet[16] == 10;
    return packet[24] == 0xfd && packet[39] == 2;  // what else IPv6 says goes to multicast
  }
  static void swap_addresses(Octets& packet) {
    const bool is_v4 = packet[0] >> 4 == 4;
    const auto source = packet.begin() + (is_v4 ? 12 : 8);
    const std::ptrdiff_t size = is_v4 ? 4 : 16;
    std::swap_ranges(source, source + size, source + size);
  }

  Device device_;
  Coalescer coalescer_;
  Octets buffer_ = Octets(kSuperPacketOctets);
  std::array<std::size_t, 3> most_{};
};

CoalesceOptions all_granted(TunOffload granted) { return coalesce_options(granted); }
CoalesceOptions nothing(TunOffload) { return {}; }

/// Of this namespace: the table has a line of names, then one of numbers.
std::string kernel_counter(const std::string& protocol, const std::string& name) {
  std::ifstream file("/proc/thread-self/net/snmp");
  std::string names, numbers;
  while (std::getline(file, names) && std::getline(file, numbers)) {
    if (!names.starts_with(protocol)) continue;
    std::istringstream name_words(names), number_words(numbers);
    std::string word, number;
    while (name_words >> word && number_words >> number) {
      if (word == name) return number;
    }
  }
  return "";
}

void stream_through(Mirror& mirror, int family) {
  std::mt19937_64 random(static_cast<std::uint64_t>(family));
  const Octets sent = plain::random_octets(random, 4 << 20);
  Octets received;
  const UniqueFd listener(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const UniqueFd client(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  Address own = address(family, family == AF_INET ? kOwn4 : kOwn6, 5001);
  Address other = address(family, family == AF_INET ? kOther4 : kOther6, 5001);
  REQUIRE(::bind(listener.get(), own.get(), own.size) == 0);
  REQUIRE(::listen(listener.get(), 1) == 0);
  REQUIRE((::connect(client.get(), other.get(), other.size) == 0 || errno == EINPROGRESS));
  UniqueFd server;
  std::size_t at = 0;
  Octets chunk(1 << 20);
  while (received.size() < sent.size()) {
    pollfd ends[] = {{mirror.descriptor(), POLLIN, 0},
                     {client.get(), static_cast<short>(at < sent.size() ? POLLOUT : 0), 0},
                     {server ? server.get() : listener.get(), POLLIN, 0}};
    REQUIRE(::poll(ends, 3, 20000) > 0);
    mirror.turn_round();
    if (!server) server.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!server) continue;
    const ssize_t out = ::send(client.get(), sent.data() + at, sent.size() - at, MSG_NOSIGNAL);
    if (out > 0) at += static_cast<std::size_t>(out);
    mirror.turn_round();
    while (true) {
      const ssize_t in = ::recv(server.get(), chunk.data(), chunk.size(), 0);
      if (in <= 0) break;
      received.insert(received.end(), chunk.begin(), chunk.begin() + in);
    }
  }
  CHECK(received == sent);
  CHECK(kernel_counter("Tcp:", "InCsumErrors") == "0");  // both families
}

void datagrams_through(Mirror& mirror, int family) {
  constexpr int kSegment = 103;  // UDP_SEGMENT
  constexpr std::size_t kSize = 1200, kCount = 31;
  const UniqueFd server(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const UniqueFd client(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  Address own = address(family, family == AF_INET ? kOwn4 : kOwn6, 5002);
  Address other = address(family, family == AF_INET ? kOther4 : kOther6, 5002);
  REQUIRE(::bind(server.get(), own.get(), own.size) == 0);
  REQUIRE(::connect(client.get(), other.get(), other.size) == 0);
  const int size = kSize;
  REQUIRE(::setsockopt(client.get(), IPPROTO_UDP, kSegment, &size, sizeof size) == 0);
  std::mt19937_64 random(static_cast<std::uint64_t>(family));
  for (int round = 0; round < 20; ++round) {
    const Octets sent = plain::random_octets(random, kSize * (kCount - 1) + 77);
    REQUIRE(::send(client.get(), sent.data(), sent.size(), 0) == static_cast<ssize_t>(sent.size()));
    mirror.turn_round();
    Octets received, chunk(2000);
    for (std::size_t i = 0; i < kCount; ++i) {
      REQUIRE(is_ready(server.get(), POLLIN));
      const ssize_t in = ::recv(server.get(), chunk.data(), chunk.size(), 0);
      REQUIRE(in == (i + 1 < kCount ? static_cast<ssize_t>(kSize) : 77));
      received.insert(received.end(), chunk.begin(), chunk.begin() + in);
    }
    REQUIRE(received == sent);
  }
}

// ---- forward

class Forward {
 public:
  Forward() : in("ct-in", TunOffload::udp, 9000), out_("ct-out", TunOffload::none, 9000) {
    set_network("ipv4/ip_forward", "1");
    set_network("ipv6/conf/all/forwarding", "1");
    set_network("ipv4/conf/all/rp_filter", "0");
    set_network("ipv4/conf/ct-in/rp_filter", "0");
    run("ip addr add 10.98.0.254/24 dev ct-in && ip addr add fd98::254/64 dev ct-in nodad");
    run("ip route add 10.99.0.0/24 dev ct-out && ip route add fd99::/64 dev ct-out");
  }

  /// The next `count` packets that come out; fewer when no more do.
  std::vector<Octets> take(std::size_t count) {
    std::vector<Octets> packets;
    while (packets.size() < count && is_ready(out_.queue->descriptor(), POLLIN)) {
      const auto super = out_.queue->read(buffer_);
      if (!super) continue;
      const auto& packet = super->packet;
      const bool is_v4 = packet[0] >> 4 == 4;
      if (is_v4 ? packet[17] != 99 : packet[25] != 0x99) continue;
      packets.emplace_back(packet.begin(), packet.end());
    }
    return packets;
  }

  Device in;

 private:
  Device out_;
  Octets buffer_ = Octets(kSuperPacketOctets);
};

Spec random_spec(std::mt19937_64& random, TunOffload granted) {
  Spec spec;
  spec.version = random() % 2 ? 4 : 6;
  spec.protocol = granted < TunOffload::udp || random() % 2 ? 6 : 17;
  spec.source_port = static_cast<std::uint16_t>(1 + plain::below(random, 65535));
  spec.target_port = static_cast<std::uint16_t>(1 + plain::below(random, 65535));
  spec.tos = static_cast<std::uint8_t>(random());
  spec.ttl = static_cast<std::uint8_t>(2 + plain::below(random, 254));
  spec.flow_label = random() & 0xfffff;
  spec.id = static_cast<std::uint16_t>(random());
  spec.fragment = random() % 2 ? 0x4000 : 0;
  spec.seq = static_cast<std::uint32_t>(random());
  spec.ack = static_cast<std::uint32_t>(random());
  spec.window = static_cast<std::uint16_t>(random());
  spec.tcp_options = Octets(plain::below(random, 11) * 4, 1);
  return spec;
}

VnetHeader header_for(const Spec& spec, std::size_t gso_size) {
  const int type = spec.protocol == 17 ? 5 : spec.version == 4 ? 1 : 4;
  return {.flags = 1,
          .gso_type = static_cast<std::uint8_t>(type),
          .hdr_len = static_cast<std::uint16_t>(plain::header_octets(spec)),
          .gso_size = static_cast<std::uint16_t>(gso_size),
          .csum_start = static_cast<std::uint16_t>(plain::ip_octets(spec)),
          .csum_offset = static_cast<std::uint16_t>(spec.protocol == 17 ? 6 : 16)};
}

}  // namespace

TEST_CASE("a stream through the mirror arrives whole, joined or not") {
  for (const auto choose : {all_granted, nothing}) {
    const NetworkNamespace here;
    Mirror mirror(choose);
    for (const int family : {AF_INET, AF_INET6}) {
      stream_through(mirror, family);
      CHECK(mirror.cut_into(SegmentPlan::Cut::tcp) > 1);
    }
    CHECK((mirror.super_packets() > 0) == (choose == all_granted));
  }
}

TEST_CASE("datagrams through the mirror arrive one by one, joined or not") {
  for (const auto choose : {all_granted, nothing}) {
    const NetworkNamespace here;
    Mirror mirror(choose);
    for (const int family : {AF_INET, AF_INET6}) {
      datagrams_through(mirror, family);
      if (mirror.offload() == TunOffload::udp) CHECK(mirror.cut_into(SegmentPlan::Cut::udp) == 31);
    }
    CHECK(kernel_counter("Udp:", "InCsumErrors") == "0");
    const bool joins = choose == all_granted && mirror.offload() == TunOffload::udp;
    CHECK((mirror.super_packets() > 0) == joins);
  }
}

TEST_CASE("the kernel cuts random super-packets into the same octets as we do") {
  const NetworkNamespace here;
  Forward forward;
  std::mt19937_64 random(618);
  for (int round = 0; round < 400; ++round) {
    CAPTURE(round);
    Spec spec = random_spec(random, forward.in.offload);
    spec.flags = static_cast<std::uint8_t>(0x10 | (random() & 0xc9));  // CWR, ECE, PSH, FIN
    if (spec.version == 4 && random() % 4 == 0) spec.ip_options = Octets(4 * (1 + plain::below(random, 10)), 1);
    if (spec.version == 6 && random() % 4 == 0) {
      spec.first_extension = 60;
      spec.extensions = {static_cast<std::uint8_t>(spec.protocol), 0, 1, 4, 0, 0, 0, 0};
    }
    const std::size_t size = 1 + plain::below(random, random() % 4 ? 1200 : 8);
    spec.payload =
        plain::random_octets(random, size + 1 + plain::below(random, std::min<std::size_t>(60000, size * 60)));
    VnetHeader header = header_for(spec, size);
    if (spec.protocol == 6 && random() % 2) header.gso_type |= 0x80;  // ECN
    Octets super = plain::build_partial(spec);
    const auto planned = plan(header, super);
    REQUIRE(planned.has_value());
    std::vector<Octets> ours;
    for (std::size_t i = 0; i < planned->count; ++i) {
      Octets packet(planned->size(i));
      REQUIRE(write_segment(*planned, i, packet) == packet.size());
      ours.push_back(plain::forwarded(packet));
    }
    const iovec part{super.data(), super.size()};
    REQUIRE(forward.in.queue->write(header, {&part, 1}).has_value());
    REQUIRE(forward.take(planned->count) == ours);
  }
}

TEST_CASE("what we join the kernel takes apart into the octets that we were given") {
  const NetworkNamespace here;
  Forward forward;
  Coalescer coalescer(*forward.in.queue, coalesce_options(forward.in.offload));
  std::mt19937_64 random(89);
  const auto flow = [](const Octets& packet) {
    const bool is_v4 = packet[0] >> 4 == 4;
    Octets key(packet.begin() + (is_v4 ? 12 : 8), packet.begin() + (is_v4 ? 24 : 44));
    key.push_back(packet[is_v4 ? 9 : 6]);
    return key;
  };
  for (int batch = 0; batch < 60; ++batch) {
    std::vector<Spec> flows;
    for (std::size_t i = 0; i < 4; ++i) flows.push_back(random_spec(random, forward.in.offload));
    std::vector<std::size_t> sizes;
    for (std::size_t i = 0; i < flows.size(); ++i) sizes.push_back(1 + plain::below(random, random() % 4 ? 1300 : 8));
    std::vector<Octets> packets;
    std::map<Octets, std::vector<Octets>> in, out;
    for (std::size_t i = 0; i < 200; ++i) {
      const std::size_t which = plain::below(random, flows.size());
      Spec& spec = flows[which];
      spec.payload = plain::random_octets(random, random() % 16 ? sizes[which] : 1 + plain::below(random, 1300));
      spec.flags = random() % 16 ? 0x10 : static_cast<std::uint8_t>(0x10 | (random() & 0xc9));
      if (random() % 32 == 0) spec.ttl = static_cast<std::uint8_t>(2 + plain::below(random, 254));
      packets.push_back(plain::build(spec));
      in[flow(packets.back())].push_back(plain::without_idle_id(plain::forwarded(packets.back())));
      spec.seq += static_cast<std::uint32_t>(spec.payload.size());
      if (random() % 32) ++spec.id;
    }
    for (const Octets& packet : packets) coalescer.add(packet);
    const auto outcome = coalescer.flush();
    REQUIRE(outcome.written == packets.size());
    REQUIRE_FALSE(outcome.switched_off.has_value());
    for (const Octets& packet : forward.take(packets.size()))
      out[flow(packet)].push_back(plain::without_idle_id(packet));
    REQUIRE(in == out);
  }
  CHECK(coalescer.counters().super_packets > 100);
  MESSAGE(coalescer.counters().joined_packets.load()
          << " packets in " << coalescer.counters().super_packets.load() << " super-packets");
}
