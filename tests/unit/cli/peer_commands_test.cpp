// SPDX-License-Identifier: MIT
#include "peer_commands.hpp"

#include <doctest/doctest.h>

#include "console_fake.hpp"
#include "failure.hpp"
#include "load.hpp"
#include "temporary_folder.hpp"
#include "x25519.hpp"

using namespace culvert;
using namespace culvert::cli;

namespace {

constexpr const char* kBobKey = "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=";
constexpr const char* kGateway =
    "[interface]\n"
    "private_key = \"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\"\n"
    "addresses = [\"10.86.0.1/24\", \"fd86::1/64\"]\n"
    "listen_port = 51820\n"
    "public_endpoint = \"vpn.example.org:51820\"\n"
    "[pool]\nprefixes = [\"10.86.0.0/24\", \"fd86::/64\"]\n";
constexpr const char* kGatewayPublic = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";

/// A gateway's folder that no daemon serves.
struct Site {
  Site() { folder.write("wg0.toml", kGateway); }

  void add(const PeerAddOptions& options) { add_peer(options, folder.path, sockets(), console.console()); }
  [[nodiscard]] std::string failure_of_add(const PeerAddOptions& options) {
    try {
      add(options);
    } catch (const Failure& failure) {
      return failure.what();
    }
    return "accepted";
  }
  [[nodiscard]] SocketFolders sockets() const { return {folder.at("run"), folder.at("run")}; }
  [[nodiscard]] config::Config load(const std::string& file = "wg0.toml") const {
    auto loaded = config::load(folder.at(file));
    REQUIRE(loaded);
    return std::move(loaded->config);
  }
  [[nodiscard]] PeerAddOptions peer(const std::string& name) const {
    PeerAddOptions options;
    options.interface = "wg0";
    options.name = name;
    options.client.file = folder.at(name + ".conf");
    return options;
  }

  TemporaryFolder folder;
  FakeConsole console;
};

}  // namespace

TEST_CASE("a peer gets the next addresses, keys of its own, and a file that fits the gateway") {
  Site site;
  site.add(site.peer("alice"));
  site.add(site.peer("bob"));
  const config::Config gateway = site.load();
  REQUIRE(gateway.peers.size() == 2);
  CHECK(gateway.peers[0].name == "alice");
  CHECK(gateway.peers[0].allowed_ips ==
        std::vector<Prefix>{*parse_prefix("10.86.0.2/32"), *parse_prefix("fd86::2/128")});
  CHECK(gateway.peers[1].allowed_ips[0] == *parse_prefix("10.86.0.3/32"));
  CHECK(site.folder.mode("wg0.d/alice.toml") == 0600);
  CHECK(site.folder.mode("alice.conf") == 0600);

  const config::Config client = site.load("alice.conf");
  CHECK(crypto::public_key(client.private_key) == gateway.peers[0].public_key);
  CHECK(client.addresses == gateway.peers[0].allowed_ips);
  REQUIRE(client.peers.size() == 1);
  CHECK(to_base64(client.peers[0].public_key) == kGatewayPublic);
  CHECK(config::to_string(client.peers[0].endpoints.at(0)) == "vpn.example.org:51820");
  CHECK(client.peers[0].allowed_ips == std::vector<Prefix>{*parse_prefix("10.86.0.0/24"), *parse_prefix("fd86::/64")});
  CHECK_FALSE(client.peers[0].preshared_key.secret.is_zero());
  CHECK(ct_equal(client.peers[0].preshared_key.secret.bytes(), gateway.peers[0].preshared_key.secret.bytes()));
  CHECK(client.peers[0].persistent_keepalive == std::chrono::seconds(25));
  CHECK(site.console.err.find("Added alice to wg0: 10.86.0.2/32, fd86::2/128.\n") != std::string::npos);
  CHECK(site.console.err.find("wg0 is not up; start it with: culvert up wg0.\n") != std::string::npos);
  CHECK(site.console.out.empty());
}

TEST_CASE("what the client's file holds can be chosen") {
  Site site;
  PeerAddOptions options = site.peer("alice");
  options.client.file = site.folder.at("alice.toml");
  options.client.form = ClientOutput::Form::toml;
  options.client.reach = ClientOutput::Reach::everything;
  options.client.dns = {"10.86.0.1"};
  options.preshared = PeerAddOptions::Preshared::none;
  options.addresses = {"10.86.0.77/24"};
  options.expires = "30d";
  site.add(options);
  const config::Config client = site.load("alice.toml");
  CHECK(client.full_tunnel(Family::v4));
  CHECK(client.full_tunnel(Family::v6));
  CHECK(client.dns.servers.size() == 1);
  CHECK(client.peers[0].preshared_key.secret.is_zero());
  CHECK(client.addresses == std::vector<Prefix>{*parse_prefix("10.86.0.77/32")});
  REQUIRE(site.load().peers.at(0).expires);
}

TEST_CASE("a peer that made its key itself gets no secret, and needs no file") {
  Site site;
  PeerAddOptions options = site.peer("bob");
  options.public_key = kBobKey;
  options.client.file.clear();
  site.add(options);
  const config::Config gateway = site.load();
  CHECK(to_base64(gateway.peers.at(0).public_key) == kBobKey);
  CHECK(gateway.peers[0].preshared_key.secret.is_zero());

  options = site.peer("carl");
  options.public_key = "ijRGmGQ3a5NxVgPPbuCuPbBfdIFXWJq6MCNVA9rAOFM=";
  const std::string refused = site.failure_of_add(options);
  CHECK(refused == "accepted");
  const std::string text = site.folder.text("carl.conf");
  CHECK(text.starts_with("# The private key is where it was made"));
  CHECK(text.find("PrivateKey =") == std::string::npos);
  CHECK(text.find("PresharedKey = ") != std::string::npos);
}

TEST_CASE("another site is added with its networks and where it is reached") {
  Site site;
  PeerAddOptions options = site.peer("branch");
  options.public_key = kBobKey;
  options.client.file.clear();
  options.endpoint = "branch.example.org:51820";
  options.allowed_ips = {"192.168.8.0/24", "fd08::/48"};
  site.add(options);
  const config::Config gateway = site.load();
  CHECK(gateway.peers.at(0).allowed_ips.size() == 4);
  CHECK(config::to_string(gateway.peers[0].endpoints.at(0)) == "branch.example.org:51820");
}

TEST_CASE("what is refused leaves nothing behind") {
  Site site;
  PeerAddOptions nowhere = site.peer("alice");
  nowhere.client.file.clear();
  CHECK(site.failure_of_add(nowhere).find("the client's private key would be lost") == 0);
  CHECK(site.failure_of_add(site.peer("a/b")).find("\"a/b\" is no name for a peer") == 0);
  PeerAddOptions wrong = site.peer("alice");
  wrong.public_key = "short";
  CHECK(site.failure_of_add(wrong).find("--public-key: ") == 0);
  wrong = site.peer("alice");
  wrong.expires = "yesterday";
  CHECK(site.failure_of_add(wrong).find("--expires yesterday: ") == 0);
  wrong = site.peer("alice");
  wrong.endpoint = "nowhere";
  CHECK(site.failure_of_add(wrong).find("--endpoint nowhere: ") == 0);
  wrong = site.peer("alice");
  wrong.addresses = {"10.86.0.300"};
  CHECK(site.failure_of_add(wrong).find("--address 10.86.0.300: ") == 0);
  wrong = site.peer("alice");
  wrong.client.dns = {"resolver"};
  CHECK(site.failure_of_add(wrong).find("--dns resolver: ") == 0);
  // The gateway's own key: only the whole configuration shows that it cannot be a peer's.
  wrong = site.peer("alice");
  wrong.public_key = kGatewayPublic;
  CHECK(site.failure_of_add(wrong) == "the configuration would not be right with this; nothing was changed");
  wrong = site.peer("alice");
  wrong.client.qr_png = "/nonexistent/folder/alice.png";
  CHECK(site.failure_of_add(wrong).find("cannot be") != std::string::npos);
  CHECK(site.load().peers.empty());

  site.folder.write("bob.conf", "mine");
  CHECK(site.failure_of_add(site.peer("bob")).find("exists already") != std::string::npos);
  CHECK(site.folder.text("bob.conf") == "mine");
  CHECK(site.load().peers.empty());
}

TEST_CASE("a name is given once, and a gateway must say where it is reached") {
  Site site;
  site.add(site.peer("alice"));
  CHECK(site.failure_of_add(site.peer("alice")).find("culvert peer rotate wg0 alice") != std::string::npos);
  site.folder.write("wg1.toml",
                    "[interface]\nprivate_key = \"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\"\naddresses = "
                    "[\"10.87.0.1/24\"]\n[pool]\nprefixes = [\"10.87.0.0/24\"]\n");
  PeerAddOptions options = site.peer("bob");
  options.interface = "wg1";
  CHECK(site.failure_of_add(options).find("does not say where clients reach it") != std::string::npos);
}

TEST_CASE("rotation gives new keys and keeps all else of the peer") {
  Site site;
  site.add(site.peer("alice"));
  const config::Config before = site.load();
  PeerRotateOptions options{"wg0", "alice", "", {}};
  options.client.file = site.folder.at("new.conf");
  rotate_peer(options, site.folder.path, site.sockets(), site.console.console());
  const config::Config after = site.load(), client = site.load("new.conf");
  CHECK(after.peers.at(0).public_key != before.peers.at(0).public_key);
  CHECK(crypto::public_key(client.private_key) == after.peers[0].public_key);
  CHECK(ct_equal(client.peers.at(0).preshared_key.secret.bytes(), after.peers[0].preshared_key.secret.bytes()));
  CHECK_FALSE(ct_equal(before.peers[0].preshared_key.secret.bytes(), after.peers[0].preshared_key.secret.bytes()));
  CHECK(after.peers[0].allowed_ips == before.peers[0].allowed_ips);
}

TEST_CASE("peers are listed and shown without a secret, and removed") {
  Site site;
  PeerAddOptions options = site.peer("alice");
  options.expires = "2099-01-01";
  site.add(options);
  FakeConsole list;
  list_peers({"wg0"}, site.folder.path, site.sockets(), list.console());
  CHECK(list.out ==
        "NAME   STATE        EXPIRES               ALLOWED IPS\n"
        "alice  not running  2099-01-01 00:00:00Z  10.86.0.2/32, fd86::2/128\n");
  FakeConsole show;
  show_peer({"wg0", "alice"}, site.folder.path, site.sockets(), show.console());
  CHECK(show.out.find("  preshared key: (hidden)\n") != std::string::npos);
  CHECK(show.out.find("  allowed ips: 10.86.0.2/32, fd86::2/128\n") != std::string::npos);
  FakeConsole removed;
  remove_peer({"wg0", "alice"}, site.folder.path, site.sockets(), removed.console());
  CHECK(site.load().peers.empty());
  FakeConsole empty;
  list_peers({"wg0"}, site.folder.path, site.sockets(), empty.console());
  CHECK(empty.out.empty());
  CHECK(empty.err.find("culvert peer add wg0 NAME") != std::string::npos);
}

TEST_CASE("the end of a peer is a span from now, or a date to come") {
  CHECK(expiry_from("30d", 1000).seconds == 1000 + 30 * 86'400);
  CHECK(expiry_from("2026-12-31", 1000).seconds == 1'798'675'200);
  CHECK_THROWS_AS(static_cast<void>(expiry_from("2026-12-31", 1'798'675'200)), Failure);
  CHECK_THROWS_AS(static_cast<void>(expiry_from("soon", 0)), Failure);
}

TEST_CASE("a peer whose code nobody reads is not added") {
  Site site;
  PeerAddOptions options = site.peer("alice");
  options.client.file.clear();
  options.client.terminal = ClientOutput::Terminal::qr;
  Console console = site.console.console();
  console.out = [](std::string_view) { throw ReaderGone(); };
  try {
    add_peer(options, site.folder.path, site.sockets(), console);
    FAIL("it was added");
  } catch (const ReaderGone&) {
    FAIL("it ends as if all was well");
  } catch (const Failure& failure) {
    CHECK(failure.code() == ExitCode::failed);
  }
  CHECK(site.load().peers.empty());
}
