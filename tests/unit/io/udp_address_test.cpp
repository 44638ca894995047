// SPDX-License-Identifier: MIT
#include "udp_address.hpp"

#include <arpa/inet.h>

#include "udp_support.hpp"

using namespace culvert;
using namespace culvert::io;
using culvert::io::test::v4;
using culvert::io::test::v6;

TEST_CASE("an IPv4 endpoint becomes the socket address that inet_pton makes, and comes back") {
  SocketName name{};
  const Endpoint endpoint{v4(203, 0, 113, 7), 51820, 0};
  REQUIRE(to_socket_name(endpoint, name) == sizeof(sockaddr_in));
  in_addr expected{};
  REQUIRE(inet_pton(AF_INET, "203.0.113.7", &expected) == 1);
  CHECK(name.v4.sin_family == AF_INET);
  CHECK(name.v4.sin_addr.s_addr == expected.s_addr);
  CHECK(name.v4.sin_port == htons(51820));
  CHECK(from_socket_name(name, sizeof(sockaddr_in)) == endpoint);
}

TEST_CASE("an IPv6 endpoint becomes the socket address that inet_pton makes, and comes back") {
  SocketName name{};
  const Endpoint endpoint{v6({0x2001, 0xdb8, 0, 0, 0, 0, 0, 7}), 1, 0};
  REQUIRE(to_socket_name(endpoint, name) == sizeof(sockaddr_in6));
  in6_addr expected{};
  REQUIRE(inet_pton(AF_INET6, "2001:db8::7", &expected) == 1);
  CHECK(name.v6.sin6_family == AF_INET6);
  CHECK(std::memcmp(&name.v6.sin6_addr, &expected, 16) == 0);
  CHECK(name.v6.sin6_port == htons(1));
  CHECK(from_socket_name(name, sizeof(sockaddr_in6)) == endpoint);
}

TEST_CASE("a scope belongs to link-local addresses alone") {
  SocketName name{};
  (void)to_socket_name({v6({0xfe80, 0, 0, 0, 0, 0, 0, 1}), 9, 3}, name);
  CHECK(name.v6.sin6_scope_id == 3);
  CHECK(from_socket_name(name, sizeof(sockaddr_in6))->scope_id == 3);
  (void)to_socket_name({v6({0xfebf, 0, 0, 0, 0, 0, 0, 1}), 9, 3}, name);
  CHECK(name.v6.sin6_scope_id == 3);
  (void)to_socket_name({v6({0xfec0, 0, 0, 0, 0, 0, 0, 1}), 9, 3}, name);
  CHECK(name.v6.sin6_scope_id == 0);
  name.v6.sin6_scope_id = 5;
  CHECK(from_socket_name(name, sizeof(sockaddr_in6))->scope_id == 0);
  CHECK_FALSE(is_link_local(v4(0xfe, 0x80, 0, 1)));
}

TEST_CASE("a socket address of another family or cut short is none") {
  SocketName name{};
  (void)to_socket_name({v4(10, 0, 0, 1), 1, 0}, name);
  for (socklen_t octets = 0; octets < sizeof(sockaddr_in); ++octets) CHECK_FALSE(from_socket_name(name, octets));
  (void)to_socket_name({v6({1}), 1, 0}, name);
  for (socklen_t octets = 0; octets < sizeof(sockaddr_in6); ++octets) CHECK_FALSE(from_socket_name(name, octets));
  name.generic.sa_family = AF_UNIX;
  CHECK_FALSE(from_socket_name(name, sizeof name));
}
