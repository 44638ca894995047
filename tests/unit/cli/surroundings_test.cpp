// SPDX-License-Identifier: MIT
#include "surroundings.hpp"

#include <doctest/doctest.h>

using namespace culvert;
using namespace culvert::cli;

TEST_CASE("public addresses are those that the Internet routes") {
  for (const char* text : {"8.8.8.8", "203.0.113.7", "100.128.0.1", "172.32.0.1", "2001:db8::1", "2a00::1"})
    CHECK_MESSAGE(is_public(*parse_address(text)), text);
  for (const char* text : {"10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "100.127.255.255",
                           "127.0.0.1", "169.254.1.1", "224.0.0.1", "0.0.0.0", "::1", "fd00::1", "fe80::1", "ff02::1"})
    CHECK_MESSAGE(!is_public(*parse_address(text)), text);
}

TEST_CASE("the interface to the Internet is that of the default route with the lowest metric") {
  const std::string heading = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
  CHECK(default_interface(heading).empty());
  CHECK(default_interface("").empty());
  CHECK(default_interface(heading + "eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n").empty());
  CHECK(default_interface(heading + "wlan0\t00000000\t0102000A\t0003\t0\t0\t600\t00000000\t0\t0\t0\n" +
                          "eth0\t00000000\t0102000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n" +
                          "tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0\n") == "eth0");
}

TEST_CASE("networks overlap when one holds the other") {
  const auto both = [](const char* a, const char* b) { return overlap(*parse_prefix(a), *parse_prefix(b)); };
  CHECK(both("10.0.0.0/8", "10.1.2.0/24"));
  CHECK(both("10.1.2.0/24", "10.0.0.0/8"));
  CHECK(both("0.0.0.0/0", "192.0.2.1/32"));
  CHECK_FALSE(both("10.1.2.0/24", "10.1.3.0/24"));
  CHECK_FALSE(both("0.0.0.0/0", "::/0"));
}

TEST_CASE("looking around changes nothing and finds a free port") {
  const Surroundings around = look_around();
  CHECK(around.free_port >= 51820);
  for (const config::HostAddress& address : around.addresses) CHECK(address.interface != "lo");
}
