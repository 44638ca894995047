// SPDX-License-Identifier: MIT
#include "socket_name.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <cerrno>

#include "udp_support.hpp"
#include "unique_fd.hpp"

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

TEST_CASE("names in the C library's lists are read by their family") {
  SocketName name{};
  const Endpoint near{v6({0xfe80, 0, 0, 0, 0, 0, 0, 1}), 9, 3};
  (void)to_socket_name(near, name);
  CHECK(from_socket_name(&name.generic) == near);
  const Endpoint far{v4(10, 0, 0, 1), 1, 0};
  (void)to_socket_name(far, name);
  CHECK(from_socket_name(&name.generic) == far);
  name.generic.sa_family = AF_PACKET;
  CHECK_FALSE(from_socket_name(&name.generic));
  CHECK_FALSE(from_socket_name(nullptr));
}

TEST_CASE("connecting tells the kernel's reason when it does not") {
  const UniqueFd fd(::socket(socket_domain(Family::v4), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  REQUIRE(fd);
  CHECK(connect_to(fd.get(), {v4(127, 0, 0, 1), 9, 0}) == 0);
  CHECK(connect_to(fd.get(), {v6({0, 0, 0, 0, 0, 0, 0, 1}), 9, 0}) == EAFNOSUPPORT);
  SocketName name{};
  socklen_t octets = sizeof name;
  REQUIRE(::getpeername(fd.get(), &name.generic, &octets) == 0);
  CHECK(from_socket_name(name, octets) == Endpoint{v4(127, 0, 0, 1), 9, 0});
}
