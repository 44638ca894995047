// SPDX-License-Identifier: MIT
#include "init.hpp"

#include <doctest/doctest.h>

#include "console_fake.hpp"
#include "failure.hpp"
#include "findings.hpp"
#include "temporary_folder.hpp"

using namespace culvert;
using namespace culvert::cli;

namespace {

constexpr const char* kKey = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";

Surroundings a_server() {
  Surroundings around;
  around.outside_interface = "ens3";
  around.outside = parse_address("203.0.113.7");
  around.addresses = {{"ens3", *parse_prefix("203.0.113.7/24")}};
  around.free_port = 51821;
  return around;
}

InitOptions gateway_options() {
  InitOptions options;
  options.interface = "wg0";
  return options;
}

InitOptions client_options() {
  InitOptions options;
  options.role = InitOptions::Role::client;
  options.interface = "home";
  options.addresses = "10.86.0.2/32, fd00:86::2/128";
  options.endpoint = "gw.example.org:51820";
  options.peer_key = kKey;
  return options;
}

/// What was written, read as the daemon reads it, without a single warning.
config::Config load_clean(const TemporaryFolder& folder, const std::string& name) {
  auto loaded = config::load(folder.at(name + ".toml"));
  REQUIRE(loaded);
  for (const config::Finding& finding : loaded->warnings) FAIL_CHECK(finding.message());
  return std::move(loaded->config);
}

std::string failure_of(const InitOptions& options, const TemporaryFolder& folder, FakeConsole& console) {
  try {
    init(options, folder.path, Surroundings{}, console.console());
  } catch (const Failure& failure) {
    return failure.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a gateway's file is made of what was found, is good, and is its owner's alone") {
  const TemporaryFolder folder;
  FakeConsole console;
  init(gateway_options(), folder.path, a_server(), console.console());
  CHECK(folder.mode("wg0.toml") == 0600);
  const config::Config config = load_clean(folder, "wg0");
  CHECK(config.listen_port == 51821);
  REQUIRE(config.public_endpoint);
  CHECK(config::to_string(*config.public_endpoint) == "203.0.113.7:51821");
  CHECK(config.gateway.enabled);
  CHECK(config.gateway.masquerade);
  CHECK(config.gateway.outside_interface == "ens3");
  REQUIRE(config.addresses.size() == 2);
  CHECK(config.addresses[0].length == 24);
  CHECK(config.addresses[0].address.octets[0] == 10);
  CHECK(config.addresses[1].length == 64);
  CHECK(config.addresses[1].address.octets[0] == 0xfd);
  REQUIRE(config.pool.prefixes.size() == 2);
  CHECK(config.pool.prefixes[0] == masked(config.addresses[0]));
  CHECK_FALSE(config.private_key.secret.is_zero());
  // The public key goes to standard output, and nothing else does.
  CHECK(console.out.size() == 45);
  CHECK(parse_public_key(console.out.substr(0, 44)));
}

TEST_CASE("a gateway's options come before what was found") {
  const TemporaryFolder folder;
  FakeConsole console;
  InitOptions options = gateway_options();
  options.port = "4500";
  options.endpoint = "vpn.example.org";
  options.addresses = "10.5.0.1/16";
  options.outside_interface = "eth7";
  options.mtu = "1380";
  init(options, folder.path, a_server(), console.console());
  const config::Config config = load_clean(folder, "wg0");
  CHECK(config.listen_port == 4500);
  CHECK(config::to_string(*config.public_endpoint) == "vpn.example.org:4500");
  CHECK(config.addresses == std::vector<Prefix>{*parse_prefix("10.5.0.1/16")});
  CHECK(config.pool.prefixes == std::vector<Prefix>{*parse_prefix("10.5.0.0/16")});
  CHECK(config.gateway.outside_interface == "eth7");
  CHECK(config.gateway.masquerade);
  CHECK(config.mtu == 1380U);
}

TEST_CASE("a gateway that does not masquerade needs no interface for it") {
  const TemporaryFolder folder;
  FakeConsole console;
  InitOptions options = gateway_options();
  options.masquerade = InitOptions::Masquerade::no;
  init(options, folder.path, a_server(), console.console());
  CHECK_FALSE(load_clean(folder, "wg0").gateway.masquerade);
}

TEST_CASE("a gateway without a public address says so, and its file is good all the same") {
  const TemporaryFolder folder;
  FakeConsole console;
  Surroundings around = a_server();
  around.outside = parse_address("192.168.1.5");
  init(gateway_options(), folder.path, around, console.console());
  CHECK_FALSE(load_clean(folder, "wg0").public_endpoint);
  CHECK(console.err.find("set public_endpoint") != std::string::npos);
}

TEST_CASE("a client's file is made of what the gateway gave") {
  const TemporaryFolder folder;
  FakeConsole console;
  InitOptions options = client_options();
  options.dns = "10.86.0.1";
  options.kill_switch = InitOptions::KillSwitch::on;
  init(options, folder.path, Surroundings{}, console.console());
  const config::Config config = load_clean(folder, "home");
  CHECK(config.addresses.size() == 2);
  REQUIRE(config.peers.size() == 1);
  CHECK(to_base64(config.peers[0].public_key) == kKey);
  CHECK(config::to_string(config.peers[0].endpoints.at(0)) == "gw.example.org:51820");
  CHECK(config.full_tunnel(Family::v4));
  CHECK(config.full_tunnel(Family::v6));
  CHECK(config.peers[0].persistent_keepalive == std::chrono::seconds(25));
  CHECK(config.dns.servers == std::vector<IpAddress>{*parse_address("10.86.0.1")});
  CHECK(config.firewall.kill_switch);
  CHECK(console.err.find("culvert peer add wg0 NAME --public-key " + console.out.substr(0, 44)) != std::string::npos);
}

TEST_CASE("a terminal is asked, wrong answers are asked again, and empty ones take what was found") {
  const TemporaryFolder folder;
  FakeConsole console;
  console.kind = Console::Kind::terminal;
  console.answers = {"70000", "4501", "", "10.7.0.1/24", ""};
  init(gateway_options(), folder.path, a_server(), console.console());
  const config::Config config = load_clean(folder, "wg0");
  CHECK(config.listen_port == 4501);
  CHECK(config::to_string(*config.public_endpoint) == "203.0.113.7:4501");
  CHECK(config.addresses.size() == 1);
  CHECK(config.gateway.outside_interface == "ens3");
  CHECK(console.asked.size() == 5);
  CHECK(console.asked.at(0) == "UDP port to listen on [51821]: ");
}

TEST_CASE("with --yes a terminal is not asked, and an input that ends writes nothing") {
  const TemporaryFolder folder;
  FakeConsole console;
  console.kind = Console::Kind::terminal;
  CHECK(failure_of(gateway_options(), folder, console).find("nothing was written") != std::string::npos);
  CHECK(folder.count() == 0);
  InitOptions options = gateway_options();
  options.questions = InitOptions::Questions::none;
  console.asked.clear();
  init(options, folder.path, a_server(), console.console());
  CHECK(console.asked.empty());
  load_clean(folder, "wg0");
}

TEST_CASE("an existing file is left alone without --force") {
  const TemporaryFolder folder;
  FakeConsole console;
  folder.write("wg0.toml", "mine");
  CHECK(failure_of(gateway_options(), folder, console).find("exists already") != std::string::npos);
  CHECK(folder.text("wg0.toml") == "mine");
  InitOptions options = gateway_options();
  options.existing = Existing::replace;
  init(options, folder.path, a_server(), console.console());
  load_clean(folder, "wg0");
}

TEST_CASE("what is missing or wrong is named, and nothing is written") {
  const TemporaryFolder folder;
  FakeConsole console;
  InitOptions options = client_options();
  options.peer_key.clear();
  CHECK(failure_of(options, folder, console).find("--peer-key is missing") == 0);
  options = client_options();
  options.endpoint = "gw.example.org";
  CHECK(failure_of(options, folder, console).find("--endpoint gw.example.org: ") == 0);
  options = client_options();
  options.addresses = "10.0.0.300";
  CHECK(failure_of(options, folder, console).find("--address 10.0.0.300: ") == 0);
  options = client_options();
  options.interface = "a/b";
  CHECK(failure_of(options, folder, console).find("\"a/b\" is no interface name") == 0);
  // Each answer is right, but IPv6 needs packets of 1280 octets.
  options = client_options();
  options.mtu = "1000";
  CHECK(failure_of(options, folder, console) == "these answers do not go together; nothing was written");
  CHECK(folder.count() == 0);
}
