// SPDX-License-Identifier: MIT
#include "udp_control.hpp"

#include <random>

#include "udp_support.hpp"

using namespace culvert;
using namespace culvert::io;
using culvert::io::test::take;
using culvert::io::test::v4;
using culvert::io::test::v6;

namespace {

/// Control messages, put one behind the other by the kernel's own macros.
class Chain {
 public:
  template <class T>
  void add(int level, int type, const T& value) {
    REQUIRE(used_ + CMSG_SPACE(sizeof value) <= sizeof octets_);
    cmsghdr header{CMSG_LEN(sizeof value), level, type};
    std::memcpy(octets_ + used_, &header, sizeof header);
    std::memcpy(octets_ + used_ + CMSG_LEN(0), &value, sizeof value);
    used_ += CMSG_SPACE(sizeof value);
  }
  [[nodiscard]] InControl read() { return read_control(message(used_)); }
  [[nodiscard]] msghdr message(std::size_t octets) {
    msghdr out{};
    out.msg_control = octets_;
    out.msg_controllen = octets;
    return out;
  }
  alignas(cmsghdr) std::uint8_t octets_[512] = {};

 private:
  std::size_t used_ = 0;
};

test::Taken written(const OutControl& control) {
  alignas(cmsghdr) std::array<std::byte, kOutControlOctets> buffer;
  buffer.fill(std::byte{0xee});
  msghdr message{};
  message.msg_controllen = write_control(control, buffer);
  message.msg_control = buffer.data();
  return take(message);
}

}  // namespace

TEST_CASE("a plain datagram needs no control data") {
  alignas(cmsghdr) std::array<std::byte, kOutControlOctets> buffer;
  CHECK(write_control({}, buffer) == 0);
}

TEST_CASE("an IPv4 source names the address and leaves the interface to the routes") {
  const auto out = written({Family::v4, Source{v4(192, 0, 2, 9), 7}, 0xb9, 1452});
  REQUIRE(out.source4);
  CHECK(out.source4->s_addr == htonl(0xc0000209));
  CHECK(out.source4_interface == 0);
  CHECK(out.tos == 0xb9);
  CHECK(out.segment == 1452);
}

TEST_CASE("an IPv6 source names the interface of a link-local address alone") {
  const auto global = written({Family::v6, Source{v6({0x2001, 0xdb8, 0, 0, 0, 0, 0, 9}), 7}, 0x03, 100});
  REQUIRE(global.source6);
  CHECK(global.source6->ipi6_addr.s6_addr[15] == 9);
  CHECK(global.source6->ipi6_ifindex == 0);
  CHECK(global.tos == 3);
  CHECK(global.segment == 100);
  const auto local = written({Family::v6, Source{v6({0xfe80, 0, 0, 0, 0, 0, 0, 9}), 7}, 0, 0});
  REQUIRE(local.source6);
  CHECK(local.source6->ipi6_ifindex == 7);
  CHECK(local.tos == -1);
  CHECK(local.segment == 0);
}

TEST_CASE("a source of the other family is left out") {
  CHECK_FALSE(written({Family::v4, Source{v6({1}), 0}, 1, 0}).source6);
  CHECK_FALSE(written({Family::v6, Source{v4(1, 2, 3, 4), 0}, 1, 0}).source4);
}

TEST_CASE("padding that goes to the kernel is zero") {
  alignas(cmsghdr) std::array<std::byte, kOutControlOctets> buffer;
  buffer.fill(std::byte{0xee});
  const std::size_t octets = write_control({Family::v4, std::nullopt, 0, 0x1234}, buffer);
  REQUIRE(octets == 24);
  for (std::size_t i = 18; i < octets; ++i) CHECK(buffer[i] == std::byte{0});
}

TEST_CASE("what the kernel tells of an IPv4 datagram is read") {
  Chain chain;
  in_pktinfo info{};
  info.ipi_ifindex = 4;
  info.ipi_spec_dst.s_addr = htonl(0xc0000201);
  info.ipi_addr.s_addr = htonl(0xffffffff);
  chain.add(SOL_SOCKET, 40, std::uint32_t{77});  // SO_RXQ_OVFL
  chain.add(IPPROTO_IP, IP_PKTINFO, info);
  chain.add(IPPROTO_IP, IP_TOS, std::uint8_t{0xbb});  // one octet: ECN is its low two bits
  chain.add(17, 104, int{1300});                      // UDP_GRO
  const InControl in = chain.read();
  CHECK(in.local == Source{v4(192, 0, 2, 1), 4});
  CHECK(in.ecn == wire::Ecn::ce);
  CHECK(in.segment_octets == 1300);
  CHECK(in.drops == 77);
}

TEST_CASE("what the kernel tells of an IPv6 datagram is read") {
  Chain chain;
  in6_pktinfo info{};
  info.ipi6_ifindex = 5;
  info.ipi6_addr.s6_addr[0] = 0x20;
  info.ipi6_addr.s6_addr[15] = 1;
  chain.add(IPPROTO_IPV6, IPV6_PKTINFO, info);
  chain.add(IPPROTO_IPV6, IPV6_TCLASS, int{0x02});
  const InControl in = chain.read();
  REQUIRE(in.local);
  CHECK(in.local->address == v6({0x2000, 0, 0, 0, 0, 0, 0, 1}));
  CHECK(in.local->interface_index == 5);
  CHECK(in.ecn == wire::Ecn::ect0);
  CHECK(in.segment_octets == 0);
  CHECK_FALSE(in.drops);
}

TEST_CASE("a multicast destination is no source to answer from") {
  Chain chain;
  in6_pktinfo info{};
  info.ipi6_addr.s6_addr[0] = 0xff;
  chain.add(IPPROTO_IPV6, IPV6_PKTINFO, info);
  CHECK_FALSE(chain.read().local);
}

TEST_CASE("a segment size that is negative counts as none") {
  Chain chain;
  chain.add(17, 104, int{-5});
  CHECK(chain.read().segment_octets == 0);
}

TEST_CASE("control data cut short at any octet is read as far as it goes") {
  Chain chain;
  chain.add(IPPROTO_IP, IP_PKTINFO, in_pktinfo{1, {htonl(0x0a000001)}, {htonl(0x0a000001)}});
  chain.add(17, 104, int{900});
  for (std::size_t octets = 0; octets <= 28; ++octets) {
    const msghdr message = chain.message(octets);
    const InControl in = read_control(message);
    CHECK(in.segment_octets == 0);
    CHECK(in.local.has_value() == (octets >= CMSG_LEN(sizeof(in_pktinfo))));
  }
  CHECK(read_control(msghdr{}).segment_octets == 0);
}

TEST_CASE("messages of the right kind but too short say nothing") {
  Chain chain;
  chain.add(IPPROTO_IP, IP_PKTINFO, std::uint32_t{1});
  chain.add(IPPROTO_IPV6, IPV6_PKTINFO, std::uint32_t{1});
  chain.add(SOL_SOCKET, 40, std::uint16_t{1});
  const InControl in = chain.read();
  CHECK_FALSE(in.local);
  CHECK_FALSE(in.drops);
}

TEST_CASE("random control data does no harm") {
  constexpr unsigned kSeed = 20240611;
  CAPTURE(kSeed);
  std::mt19937 random(kSeed);
  constexpr std::array<int, 5> kLevels{IPPROTO_IP, IPPROTO_IPV6, SOL_SOCKET, SOL_UDP, 99};
  constexpr std::array<int, 7> kTypes{IP_PKTINFO, IP_TOS, IPV6_PKTINFO, IPV6_TCLASS, 104, 40, 0};
  for (int round = 0; round < 20'000; ++round) {
    Chain chain;
    for (auto& octet : chain.octets_) octet = static_cast<std::uint8_t>(random());
    for (std::size_t at = 0; at + sizeof(cmsghdr) <= sizeof chain.octets_; at += 8 * (2 + random() % 6)) {
      const std::size_t length = random() % 4 == 0 ? random() : random() % 48;
      const cmsghdr header{length, kLevels[random() % kLevels.size()], kTypes[random() % kTypes.size()]};
      std::memcpy(chain.octets_ + at, &header, sizeof header);
    }
    const msghdr message = chain.message(random() % (sizeof chain.octets_ + 1));
    const InControl in = read_control(message);
    CHECK(in.segment_octets <= 0x7fffffff);
  }
}
