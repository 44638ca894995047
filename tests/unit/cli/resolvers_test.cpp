// SPDX-License-Identifier: MIT
#include "resolvers.hpp"

#include <doctest/doctest.h>

using namespace culvert;
using namespace culvert::cli;

namespace {

std::string list_of(const std::vector<NameServer>& servers) {
  std::string text;
  for (const NameServer& each : servers)
    text += (text.empty() ? "" : " ") + to_string(each.address) + (each.link.empty() ? "" : "%" + each.link);
  return text;
}

constexpr const char* kDns =
    "Global: 192.0.2.1#dns.example.net\n"
    "Link 2 (eth0): 192.168.1.1 fe80::1\n"
    "Link 3 (wlan0):\n"
    "Link 7 (wg0): 10.0.0.1 fd00::1\n";
constexpr const char* kDefaults = "Global: yes\nLink 2 (eth0): yes\nLink 3 (wlan0): no\nLink 7 (wg0): no\n";

}  // namespace

TEST_CASE("the servers of a resolv.conf, comments and other words left out") {
  CHECK(list_of(nameservers_in("# nameserver 192.0.2.9\nsearch example.net\nnameserver 10.0.0.1\n"
                               " nameserver fe80::1%eth0 # mine\nnameserver nonsense\nnameserver\n")) ==
        "10.0.0.1 fe80::1%eth0");
  CHECK(nameservers_in("").empty());
}

TEST_CASE("of resolved a link that takes all names is asked, and no other") {
  const NameServers servers = servers_of_resolved(kDns, "Global:\nLink 2 (eth0): lan\nLink 7 (wg0): ~.\n", kDefaults);
  CHECK(list_of(servers.asked) == "10.0.0.1 fd00::1");
  CHECK(list_of(servers.other) == "192.0.2.1 192.168.1.1 fe80::1%eth0");
  CHECK(servers.knows(*parse_address("192.0.2.1")));
  CHECK_FALSE(servers.knows(*parse_address("192.0.2.2")));
}

TEST_CASE("of resolved, where no link takes all names, those of default routes are asked and those of all") {
  const NameServers servers = servers_of_resolved(kDns, "Global:\nLink 7 (wg0): ~corp.example\n", kDefaults);
  CHECK(list_of(servers.asked) == "192.0.2.1 192.168.1.1 fe80::1%eth0");
  CHECK(list_of(servers.other) == "10.0.0.1 fd00::1");
}

TEST_CASE("the stub of resolved is known") {
  CHECK(is_stub_of_resolved(*parse_address("127.0.0.53")));
  CHECK_FALSE(is_stub_of_resolved(*parse_address("127.0.0.1")));
}
