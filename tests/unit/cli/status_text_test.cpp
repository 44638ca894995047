// SPDX-License-Identifier: MIT
#include "status_text.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace culvert::cli;

namespace {

InterfaceStatus example() {
  InterfaceStatus status;
  status.name = "wg0";
  status.link = "up";
  status.listen_port = 51820;
  status.fwmark = 0xca6c;
  PeerStatus bob;
  bob.public_key = "BOBKEY89=";
  bob.allowed_ips = {};
  PeerStatus alice;
  alice.public_key = "ALICEKEY=";
  alice.name = "alice";
  alice.endpoint = "192.0.2.1:51820";
  alice.allowed_ips = {"10.0.0.2/32", "fd00::2/128"};
  alice.latest_handshake = 1000;
  alice.received = 1024;
  alice.sent = 92;
  alice.persistent_keepalive = 25;
  alice.problem = "no answer";
  alice.problem_at = 1030;
  alice.endpoint_origin = "roamed";
  alice.session_age = 91;
  alice.handshakes_sent = 3;
  alice.handshakes_answered = 2;
  status.peers = {bob, alice};
  return status;
}

}  // namespace

TEST_CASE("a person reads the words of `wg show`, states and names, the peer heard last first") {
  CHECK(status_text(example(), 1091, Console::Colours::none) ==
        "interface: wg0\n"
        "  listening port: 51820\n"
        "  fwmark: 0xca6c\n"
        "\n"
        "peer: alice\n"
        "  state: up\n"
        "  public key: ALICEKEY=\n"
        "  endpoint: 192.0.2.1:51820 (to which it has moved)\n"
        "  allowed ips: 10.0.0.2/32, fd00::2/128\n"
        "  latest handshake: 1 minute, 31 seconds ago\n"
        "  transfer: 1.00 KiB received, 92 B sent\n"
        "  session: 1 minute, 31 seconds old\n"
        "  handshakes: 2 of 3 answered\n"
        "  persistent keepalive: every 25 seconds\n"
        "  last problem: no answer (1 minute, 1 second ago)\n"
        "\n"
        "peer: BOBKEY89…\n"
        "  state: never connected\n"
        "  public key: BOBKEY89=\n"
        "  allowed ips: (none)\n");
}

TEST_CASE("a peer that does not work comes with what to do, and a stranger with the command that lets it in") {
  InterfaceStatus status;
  status.name = "wg0";
  PeerStatus peer;
  peer.public_key = "KEY";
  peer.name = "alice";
  peer.state = "silent for 20 s";
  peer.state_name = "silent";
  peer.problem = "no answer";
  peer.advice = "look at the firewall";
  status.peers = {peer};
  status.strangers = {{"", "192.0.2.8:6"}, {"STRANGE=", "192.0.2.9:7"}};
  const std::string text = status_text(status, 0, Console::Colours::none);
  CHECK(text.find("  last problem: no answer\n  what to do: look at the firewall\n") != std::string::npos);
  CHECK(
      text.ends_with("unknown caller: 192.0.2.8:6 holds another public key for us\n"
                     "  to let it in: give its owner ours: culvert status wg0\n"
                     "\nunknown peer: STRANGE= from 192.0.2.9:7\n"
                     "  to let it in: culvert peer add wg0 NAME --public-key STRANGE=\n"));
  status.peers[0].state = status.peers[0].state_name = "up";
  CHECK(status_text(status, 0, Console::Colours::none).find("what to do") == std::string::npos);
}

TEST_CASE("what the host half knows: the kill switch and its portal, names without an address, restarts") {
  InterfaceStatus status;
  status.name = "wg0";
  status.host = HostStatus{.config = "/etc/culvert/wg0.toml",
                           .up_seconds = 5,
                           .restarts = 2,
                           .kill_switch = true,
                           .portal_seconds = 90,
                           .unresolved = {"gw.example:1", "gx.example:2"}};
  CHECK(status_text(status, 0, Console::Colours::none) ==
        "interface: wg0\n"
        "  kill switch: on, but open for a log-in page for 1 minute, 30 seconds more\n"
        "  no address yet: gw.example:1, gx.example:2 (asked again and again)\n"
        "  packet half: died and was started anew 2 times\n");
  const auto one = nlohmann::json::parse(status_json({status}, 0)).at("wg0");
  CHECK(one.at("killSwitch") == true);
  CHECK(one.at("portalSeconds") == 90);
  CHECK(one.at("unresolved") == nlohmann::json::array({"gw.example:1", "gx.example:2"}));
  CHECK(one.at("packetHalfRestarts") == 2);
  CHECK(one.at("upSeconds") == 5);
  status.host.emplace().kill_switch = true;
  CHECK(status_text(status, 0, Console::Colours::none) == "interface: wg0\n  kill switch: on\n");
  status.host = HostStatus{};
  CHECK(status_text(status, 0, Console::Colours::none) == "interface: wg0\n");
}

TEST_CASE("a link that is down, packets dropped, and what is wrong with the host are told") {
  InterfaceStatus status;
  status.name = "wg0";
  status.link = "down";
  status.drops = {{"replayed", 7}, {"bad_mac1", 1}};
  status.problems = {{"The kernel forwards nothing.", "sysctl"}};
  CHECK(status_text(status, 0, Console::Colours::none) ==
        "interface: wg0\n"
        "  link: down\n"
        "  dropped: 7 replayed, 1 bad_mac1\n"
        "  problem: The kernel forwards nothing.\n"
        "  what to do: sysctl\n");
}

TEST_CASE("colours add escape sequences and nothing else") {
  std::string text = status_text(example(), 1091, Console::Colours::ansi);
  CHECK(text.find("\x1b[32mup\x1b[0m") != std::string::npos);
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b')
      i = text.find('m', i);
    else
      plain += text[i];
  }
  CHECK(plain == status_text(example(), 1091, Console::Colours::none));
}

TEST_CASE("a program reads the names of wg's own JSON") {
  const auto json = nlohmann::json::parse(status_json({example()}, 1091));
  const auto& one = json.at("wg0");
  CHECK(one.at("listenPort") == 51820);
  CHECK(one.at("fwmark") == 0xca6c);
  CHECK_FALSE(one.contains("privateKey"));
  const auto& alice = one.at("peers").at("ALICEKEY=");
  CHECK(alice.at("endpoint") == "192.0.2.1:51820");
  CHECK(alice.at("latestHandshake") == 1000);
  CHECK(alice.at("transferRx") == 1024);
  CHECK(alice.at("transferTx") == 92);
  CHECK(alice.at("persistentKeepalive") == 25);
  CHECK(alice.at("allowedIps").size() == 2);
  CHECK(alice.at("name") == "alice");
  CHECK(alice.at("state") == "up");
  const auto& bob = one.at("peers").at("BOBKEY89=");
  CHECK_FALSE(bob.contains("endpoint"));
  CHECK_FALSE(bob.contains("latestHandshake"));
  CHECK(bob.at("allowedIps").empty());
  CHECK(status_json({}, 0) == "{}\n");
  InterfaceStatus hostile;
  hostile.name = "\u009b2J";
  CHECK(status_json({hostile}, 0).find("\"\\u009b2J\"") != std::string::npos);  // JSON, and harmless in a terminal
}
