// SPDX-License-Identifier: MIT
// The filter by itself, step by step, and in the kernel between two hosts.
#include "udp_thinning.hpp"

#include <net/if.h>

#include <algorithm>
#include <random>
#include <set>

#include "bpf_verdict.hpp"
#include "udp_ends.hpp"
#include "udp_netns.hpp"

using namespace culvert;
using namespace culvert::io;
using namespace culvert::io::test;

namespace {

constexpr std::uint32_t kMix = 0x9e37'79b1;

bool passes(std::span<const sock_filter> program, const IpAddress& from, std::uint32_t drawn) {
  const auto said = culvert::test::verdict(program, from, drawn);
  REQUIRE(said.has_value());
  return *said;
}

constexpr std::uint32_t kBlind = 0xdead'beef;

std::vector<std::uint32_t> tags_of(const std::vector<IpAddress>& senders) {
  std::vector<std::uint32_t> tags;
  for (const IpAddress& sender : senders) tags.push_back(sender_tag(sender, kMix));
  std::ranges::sort(tags);
  return tags;
}

IpAddress near_address(Family family, bool flooder) {
  if (family == Family::v4) return v4(10, 77, 0, flooder ? 3 : 1);
  return flooder ? v6({0xfd77, 0, 0, 3, 0, 0, 0, 1}) : v6({0xfd77, 0, 0, 0, 0, 0, 0, 1});
}
IpAddress far_address(Family family) {
  return family == Family::v4 ? v4(10, 77, 0, 2) : v6({0xfd77, 0, 0, 0, 0, 0, 0, 2});
}

/// How many of `count` datagrams from this address arrive. The last from the other one, which nobody holds back, tells
/// that no more will.
std::size_t arrivals(End& from, End& to, Family family, bool flooder, std::size_t count) {
  const auto link = static_cast<int>(::if_nametoindex("near"));
  std::size_t arrived = 0;
  for (std::size_t sent = 0; sent < count; sent += 50) {
    const auto send = [&](bool by_flooder, std::uint32_t number) {
      Datagram message = numbered(148, number);
      message[0] = 1;
      const Source source{near_address(family, by_flooder), static_cast<std::uint32_t>(link)};
      REQUIRE(send_one(from.lane(), {to.by(far_address(family)), source, 0, message, 148}).sent == 1);
    };
    for (std::uint32_t i = 0; i < 50; ++i) send(flooder, i);
    send(false, 0xff);
    for (bool ended = false; !ended;) {
      const auto some = collect(*to.control, 1);
      REQUIRE_FALSE(some.empty());
      for (const Arrived& one : some)
        for (const Datagram& datagram : cut(one.octets, one.stride)) {
          ended = one.from.address == near_address(family, false) && datagram[4] == numbered(148, 0xff)[4];
          arrived += ended ? 0 : 1;
        }
    }
  }
  return arrived;
}

}  // namespace

TEST_CASE("whoever is listed is held back but for one in 2^share, and nobody else, in lists of every length") {
  std::mt19937 random(1);
  const auto any = [&](Family family) {
    IpAddress address{family, {}};
    const std::size_t octets = family == Family::v4 ? 4 : 16;
    for (std::size_t i = 0; i < octets; ++i) address.octets[i] = static_cast<std::uint8_t>(random());
    return address;
  };
  for (const Family family : {Family::v4, Family::v6}) {
    for (const std::size_t size : {1U, 2U, 7U, 8U, 9U, 16U, 17U, 33U, 255U, 479U, 480U}) {
      std::vector<IpAddress> senders;
      while (senders.size() < size) senders.push_back(any(family));
      const auto tags = tags_of(senders);
      REQUIRE(std::ranges::adjacent_find(tags) == tags.end());
      const auto program = thinning_program({.family = family, .mix = kMix, .share = 3, .senders = tags}, kBlind);
      CHECK(program.size() <= BPF_MAXINSNS);
      for (const IpAddress& sender : senders) {
        CHECK_FALSE(passes(program, sender, 0xffff'ffff));
        CHECK_FALSE(passes(program, sender, 4));
        CHECK(passes(program, sender, 0xffff'fff8));
        const IpAddress other = any(family);
        if (!std::ranges::binary_search(tags, sender_tag(other, kMix))) CHECK(passes(program, other, 0xffff'ffff));
      }
    }
  }
}

TEST_CASE("the tag of an IPv4 address is shared with one other, which the mix chooses") {
  for (const std::uint32_t mix : {kMix, 0x0000'0001U, 0x8000'0001U}) {
    std::set<std::uint32_t> tags;
    for (std::uint8_t last = 0; last < 255; ++last) tags.insert(sender_tag(v4(192, 0, 2, last), mix));
    CHECK(tags.size() >= 128);
    for (const std::uint32_t tag : tags) CHECK(tag <= kTagBits);
  }
}

TEST_CASE("a sender by IPv6 is its /64, and all of it counts") {
  const IpAddress listed = v6({0x2001, 0xdb8, 0x1234, 0x5678, 1, 2, 3, 4});
  const std::uint32_t tag = sender_tag(listed, kMix);
  const auto program =
      thinning_program({.family = Family::v6, .mix = kMix, .share = 4, .senders = std::span(&tag, 1)}, kBlind);
  CHECK_FALSE(passes(program, listed, 1));
  CHECK(passes(program, listed, 16));
  CHECK_FALSE(passes(program, v6({0x2001, 0xdb8, 0x1234, 0x5678, 9, 9, 9, 9}), 1));
  for (std::size_t bit = 0; bit < 64; ++bit) {
    IpAddress other = listed;
    other.octets[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    CHECK(passes(program, other, 1));
  }
}

TEST_CASE("who chooses the tags does not choose the words of the program") {
  const std::vector<std::uint32_t> tags{1, 2, 3, 0x7fff'ffff};
  const Thinning thinning{.family = Family::v4, .mix = kMix, .share = 1, .senders = tags};
  for (const sock_filter& step : thinning_program(thinning, kBlind))
    if (BPF_CLASS(step.code) == BPF_JMP && BPF_OP(step.code) == BPF_JEQ)
      CHECK_FALSE(std::ranges::binary_search(tags, step.k));
}

TEST_CASE("in the kernel a listed sender is held back, another is not, and everybody passes once the list is empty") {
  const TwoHosts hosts;
  if (!hosts.usable()) return;
  REQUIRE(TwoHosts::run("ip addr add 10.77.0.3/24 dev near && ip -6 addr add fd77:0:0:3::1/64 dev near nodad"));
  TwoHosts::await_ipv6("fd77:0:0:3::1");
  for (const Family family : {Family::v4, Family::v6}) {
    hosts.to_far();
    // As low as its default ever was; where it is one for all namespaces, it stays.
    (void)TwoHosts::run("echo 20480 >/proc/sys/net/core/optmem_max");
    End to(family);
    hosts.to_near();
    End from(family);
    CHECK(arrivals(from, to, family, true, 100) == 100);

    const int socket = to.control->descriptor();
    std::vector<std::uint32_t> listed{sender_tag(near_address(family, true), kMix)};
    for (std::uint32_t other = kTagBits; listed.size() < kMostThinned; other -= 12'345)
      if (other != listed[0] && other != sender_tag(near_address(family, false), kMix)) listed.push_back(other);
    std::ranges::sort(listed);
    REQUIRE(thin(socket, {.family = family, .mix = kMix, .share = 1, .senders = listed}));
    CHECK(arrivals(from, to, family, false, 400) == 400);
    // Six times the standard deviation of the draw on either side.
    const std::size_t half = arrivals(from, to, family, true, 400);
    CHECK(half > 200 - 60);
    CHECK(half < 200 + 60);
    REQUIRE(thin(socket, {.family = family, .mix = kMix, .share = 4, .senders = listed}));
    const std::size_t few = arrivals(from, to, family, true, 1600);
    CHECK(few > 100 - 60);
    CHECK(few < 100 + 60);

    REQUIRE(thin(socket, {.family = family}));
    CHECK(arrivals(from, to, family, true, 100) == 100);
    CHECK(thin(socket, {.family = family}));  // again: nothing to take away
  }
}

TEST_CASE("a filter for what is no socket is an error that is told") {
  const std::uint32_t tag = 1;
  const auto thinned = thin(-1, {.senders = std::span(&tag, 1)});
  REQUIRE_FALSE(thinned);
  CHECK(thinned.error().code == EBADF);
  CHECK_FALSE(thin(-1, {}));
}
