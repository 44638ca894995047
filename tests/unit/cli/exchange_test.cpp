// SPDX-License-Identifier: MIT
#include "exchange.hpp"

#include <doctest/doctest.h>

#include "console_fake.hpp"
#include "failure.hpp"
#include "load.hpp"
#include "temporary_folder.hpp"

using namespace culvert;
using namespace culvert::cli;

namespace {

constexpr const char* kFile =
    "[Interface]\nPrivateKey = dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\nAddress = 10.0.0.2/32\nDNS = 10.0.0.1, "
    "corp.example\n"
    "PostUp = echo %i\n\n[Peer]\n# friendly_name = office\nPublicKey = 3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=\n"
    "AllowedIPs = 0.0.0.0/0, ::/0\nEndpoint = vpn.example.org:51820\nPersistentKeepalive = 25\n";

}  // namespace

TEST_CASE("a wg-quick file becomes a configuration, and comes back as it was") {
  const TemporaryFolder folder;
  folder.write("old/home.conf", kFile);
  FakeConsole console;
  import_file({folder.at("old/home.conf"), "", Existing::keep}, folder.path, console.console());
  CHECK(folder.mode("home.toml") == 0600);
  const auto loaded = config::load(folder.at("home.toml"));
  REQUIRE(loaded);
  CHECK(loaded->config.peers.at(0).name == "office");
  CHECK(loaded->config.hooks.post_up == std::vector<std::string>{"echo %i"});
  CHECK(loaded->config.dns.search == std::vector<std::string>{"corp.example", "~."});

  FakeConsole out;
  export_file({"home", ""}, folder.path, out.console());
  CHECK(out.out.find("PrivateKey = dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\n") != std::string::npos);
  CHECK(out.out.find("PostUp = echo %i\n") != std::string::npos);
  export_file({"home", folder.at("back.conf")}, folder.path, console.console());
  CHECK(folder.text("back.conf") == out.out);
  CHECK(folder.mode("back.conf") == 0600);
  CHECK_THROWS_AS(export_file({"home", folder.at("back.conf")}, folder.path, console.console()), Failure);
  export_file({"home", folder.at("back.conf"), Existing::replace}, folder.path, console.console());
}

TEST_CASE("what only a wg-quick file has is left out of an import, and told") {
  const TemporaryFolder folder;
  folder.write("old/home.conf", std::string(kFile).insert(12, "SaveConfig = true\n"));
  FakeConsole console;
  import_file({folder.at("old/home.conf"), "", Existing::keep}, folder.path, console.console());
  CHECK(console.err.find("left out: SaveConfig") != std::string::npos);
  CHECK(folder.text("home.toml").find("save_config") == std::string::npos);
}

TEST_CASE("an import takes another name, and replaces nothing unasked") {
  const TemporaryFolder folder;
  folder.write("old/home.conf", kFile);
  FakeConsole console;
  const ImportOptions options{folder.at("old/home.conf"), "wg7", Existing::keep};
  import_file(options, folder.path, console.console());
  CHECK(folder.has("wg7.toml"));
  CHECK_THROWS_AS(import_file(options, folder.path, console.console()), Failure);
  import_file({options.file, "wg7", Existing::replace}, folder.path, console.console());
  CHECK_THROWS_AS(import_file({options.file, "no/name", Existing::keep}, folder.path, console.console()), Failure);
  CHECK_THROWS_AS(import_file({folder.at("wg7.toml"), "", Existing::keep}, folder.path, console.console()), Failure);
}

TEST_CASE("what wg-quick has no word for is told") {
  const TemporaryFolder folder;
  folder.write("wg0.toml",
               "[interface]\nprivate_key = \"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\"\naddresses = "
               "[\"10.87.0.1/24\"]\n[pool]\nprefixes = [\"10.87.0.0/24\"]\n");
  FakeConsole console;
  export_file({"wg0", ""}, folder.path, console.console());
  CHECK(console.err.find("left out: ") != std::string::npos);
}
