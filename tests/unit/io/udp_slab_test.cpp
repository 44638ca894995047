// SPDX-License-Identifier: MIT
#include "udp_slab.hpp"

#include "udp_support.hpp"

using namespace culvert;
using namespace culvert::io;

TEST_CASE("a slab has room for the longest datagram in each slot, and slots do not overlap") {
  ReceiveSlab slab(5);
  CHECK(slab.slots() == 5);
  CHECK(slab.trains().size() == 5);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(slab.slot(i).size() >= 65535);
    if (i > 0) CHECK(slab.slot(i).data() >= slab.slot(i - 1).data() + slab.slot(i - 1).size());
  }
}

TEST_CASE("headers are ready again after the kernel wrote to them") {
  ReceiveSlab slab(3);
  for (int round = 0; round < 2; ++round) {
    const auto headers = slab.prepare();
    REQUIRE(headers.size() == 3);
    for (std::size_t i = 0; i < headers.size(); ++i) {
      msghdr& header = headers[i].msg_hdr;
      CHECK(headers[i].msg_len == 0);
      CHECK(header.msg_namelen == sizeof(sockaddr_in6));
      CHECK(header.msg_controllen >= 128);
      CHECK(header.msg_flags == 0);
      REQUIRE(header.msg_iovlen == 1);
      CHECK(header.msg_iov[0].iov_base == slab.slot(i).data());
      CHECK(header.msg_iov[0].iov_len == slab.slot(i).size());
      headers[i].msg_len = 9;
      header.msg_namelen = 1;
      header.msg_flags = 1;
      header.msg_controllen = header.msg_iov[0].iov_len = 1;
    }
  }
}

TEST_CASE("datagrams of a train are counted and visited in order, the last one short") {
  Octets<10> octets{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  CHECK(datagram_count(10, 4) == 3);
  CHECK(datagram_count(8, 4) == 2);
  CHECK(datagram_count(4, 4) == 1);
  CHECK(datagram_count(3, 4) == 1);
  CHECK(datagram_count(0, 1) == 1);
  CHECK(datagram_count(10, 0) == 1);
  std::vector<std::size_t> sizes;
  std::vector<std::uint8_t> firsts;
  InTrain train;
  train.octets = octets;
  train.stride = 4;
  for_each_datagram(train, [&](MutBytes d) {
    sizes.push_back(d.size());
    firsts.push_back(d[0]);
  });
  CHECK(sizes == std::vector<std::size_t>{4, 4, 2});
  CHECK(firsts == std::vector<std::uint8_t>{0, 4, 8});
}

TEST_CASE("an empty datagram is visited once") {
  InTrain train;
  unsigned visits = 0;
  for_each_datagram(train, [&](MutBytes d) {
    CHECK(d.empty());
    ++visits;
  });
  CHECK(visits == 1);
}

TEST_CASE("errors of sending count under the name that tells where to look") {
  CHECK(send_drop(EPERM) == Drop::blocked_by_firewall);
  CHECK(send_drop(EACCES) == Drop::blocked_by_firewall);
  for (const int error : {ENETUNREACH, EHOSTUNREACH, ENETDOWN, EADDRNOTAVAIL, EAFNOSUPPORT})
    CHECK(send_drop(error) == Drop::outside_unreachable);
  for (const int error : {EAGAIN, ENOBUFS, EMSGSIZE, EINVAL, EIO}) CHECK(send_drop(error) == Drop::outside_send_failed);
}
