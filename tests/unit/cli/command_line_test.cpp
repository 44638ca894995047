// SPDX-License-Identifier: MIT
#include "command_line.hpp"

#include <doctest/doctest.h>

#include <cstdlib>

#include "failure.hpp"

using namespace culvert::cli;

namespace {

CommandLine parse(std::vector<const char*> words) { return parse_command_line(words); }

template <class Options>
Options parse_as(std::vector<const char*> words) {
  const CommandLine line = parse_command_line(words);
  const auto* options = std::get_if<Options>(&line.verb);
  REQUIRE(options != nullptr);
  return *options;
}

/// The sentence of a refused command line.
std::string refusal(std::vector<const char*> words) {
  try {
    static_cast<void>(parse_command_line(words));
  } catch (const Failure& failure) {
    CHECK(failure.code() == ExitCode::usage);
    return failure.what();
  }
  return "accepted";
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("each verb of a tunnel's life takes its words") {
  CHECK(parse_as<UpOptions>({"up", "wg0"}).what == "wg0");
  CHECK(parse_as<UpOptions>({"up", "./home.conf"}).what == "./home.conf");
  CHECK(parse_as<DownOptions>({"down", "wg0"}).name == "wg0");
  CHECK(parse_as<ReloadOptions>({"reload", "wg0"}).mode == ReloadOptions::Mode::apply);
  CHECK(parse_as<ReloadOptions>({"reload", "--dry-run", "wg0"}).mode == ReloadOptions::Mode::show_differences);
  CHECK(parse_as<PortalOptions>({"portal", "wg0"}).minutes == 10);
  CHECK(parse_as<PortalOptions>({"portal", "wg0", "--minutes", "3"}).minutes == 3);
  CHECK(parse_as<CheckOptions>({"check", "wg0"}).what == "wg0");
}

TEST_CASE("the forms of a status exclude each other") {
  CHECK(parse_as<StatusOptions>({"status"}).form == StatusOptions::Form::person);
  CHECK(parse_as<StatusOptions>({"status"}).interface.empty());
  CHECK(parse_as<StatusOptions>({"status", "wg0", "--json"}).form == StatusOptions::Form::json);
  CHECK(parse_as<StatusOptions>({"status", "--watch", "wg0"}).interface == "wg0");
  CHECK(refusal({"status", "--watch", "--json"}) != "accepted");
}

TEST_CASE("the keys' verbs") {
  CHECK(parse_as<KeyOptions>({"genkey"}).kind == KeyOptions::Kind::private_key);
  CHECK(parse_as<KeyOptions>({"pubkey"}).kind == KeyOptions::Kind::public_key);
  CHECK(parse_as<KeyOptions>({"genpsk"}).kind == KeyOptions::Kind::preshared_key);
  // A key as an argument would stand in the list of processes for all to read.
  CHECK(refusal({"pubkey", "AAAA"}) != "accepted");
}

TEST_CASE("init knows two roles and what each is told") {
  const auto gateway = parse_as<InitOptions>(
      {"init", "gateway", "wg0", "--port", "4500", "--endpoint", "gw.example.org", "--no-masquerade", "-y", "--force"});
  CHECK(gateway.role == InitOptions::Role::gateway);
  CHECK(gateway.interface == "wg0");
  CHECK(gateway.port == "4500");
  CHECK(gateway.masquerade == InitOptions::Masquerade::no);
  CHECK(gateway.questions == InitOptions::Questions::none);
  CHECK(gateway.existing == Existing::replace);
  const auto client = parse_as<InitOptions>({"init", "client", "wg1", "--kill-switch"});
  CHECK(client.role == InitOptions::Role::client);
  CHECK(client.kill_switch == InitOptions::KillSwitch::on);
  CHECK(client.existing == Existing::keep);
  CHECK(refusal({"init", "wg0"}) != "accepted");
  CHECK(refusal({"init", "client", "wg1", "--port", "5"}) != "accepted");
}

TEST_CASE("a peer is added with what is known of it") {
  const auto add =
      parse_as<PeerAddOptions>({"peer", "add", "wg0", "alice", "--full-tunnel", "--expires", "30d", "-o", "a.conf",
                                "--dns", "10.0.0.1,10.0.0.2", "--allowed-ips", "10.8.0.0/16", "--allowed-ips",
                                "10.9.0.0/16", "--qr-png", "a.png", "--toml", "--no-preshared-key"});
  CHECK(add.interface == "wg0");
  CHECK(add.name == "alice");
  CHECK(add.client.reach == ClientOutput::Reach::everything);
  CHECK(add.client.form == ClientOutput::Form::toml);
  CHECK(add.client.file == "a.conf");
  CHECK(add.client.qr_png == "a.png");
  CHECK(add.client.dns == std::vector<std::string>{"10.0.0.1", "10.0.0.2"});
  CHECK(add.allowed_ips == std::vector<std::string>{"10.8.0.0/16", "10.9.0.0/16"});
  CHECK(add.preshared == PeerAddOptions::Preshared::none);
  CHECK(add.expires == "30d");
  CHECK(refusal({"peer", "add", "wg0", "alice", "--qr", "--no-qr"}) != "accepted");
  CHECK(contains(refusal({"peer", "add", "wg0"}), "PEER"));
}

TEST_CASE("an option with a list takes one word, so that names may stand behind it") {
  const auto add = parse_as<PeerAddOptions>({"peer", "add", "--dns", "10.0.0.1,10.0.0.2", "--address", "10.86.0.9",
                                             "wg0", "--allowed-ips", "10.8.0.0/16", "alice", "-o", "a.conf"});
  CHECK(add.interface == "wg0");
  CHECK(add.name == "alice");
  CHECK(add.client.dns == std::vector<std::string>{"10.0.0.1", "10.0.0.2"});
  CHECK(add.addresses == std::vector<std::string>{"10.86.0.9"});
  CHECK(add.allowed_ips == std::vector<std::string>{"10.8.0.0/16"});
  const auto capture = parse_as<CaptureOptions>({"capture", "--peer", "alice", "-p", "bob", "wg0", "-w", "f"});
  CHECK(capture.name == "wg0");
  CHECK(capture.peers == std::vector<std::string>{"alice", "bob"});
}

TEST_CASE("the other verbs of peers, and of files") {
  CHECK(parse_as<PeerRemoveOptions>({"peer", "remove", "wg0", "alice"}).name == "alice");
  CHECK(parse_as<PeerListOptions>({"peer", "list", "wg0"}).interface == "wg0");
  CHECK(parse_as<PeerShowOptions>({"peer", "show", "wg0", "alice"}).name == "alice");
  CHECK(parse_as<PeerRotateOptions>({"peer", "rotate", "wg0", "alice", "-o", "f"}).client.file == "f");
  CHECK(refusal({"peer"}) == "peer what? add, remove, list, show, rotate; such as: culvert peer add wg0 alice");
  CHECK(refusal({"peer", "ad", "wg0", "alice"}) == "unknown verb \"peer ad\"; did you mean \"peer add\"?");
  const auto import = parse_as<ImportOptions>({"import", "x.conf", "--name", "wg1", "--force"});
  CHECK(import.name == "wg1");
  CHECK(import.existing == Existing::replace);
  const auto output = parse_as<ExportOptions>({"export", "wg0", "-o", "x.conf", "--force"});
  CHECK(output.output == "x.conf");
  CHECK(output.existing == Existing::replace);
}

TEST_CASE("the folder of configurations may stand before or behind the verb, or in the environment") {
  CHECK(parse({"up", "wg0"}).config_folder == "/etc/culvert");
  CHECK(parse({"--config-dir", "/tmp/c", "up", "wg0"}).config_folder == "/tmp/c");
  CHECK(parse({"up", "wg0", "--config-dir", "/tmp/c"}).config_folder == "/tmp/c");
  ::setenv("CULVERT_CONFIG_DIR", "/tmp/e", 1);
  CHECK(parse({"up", "wg0"}).config_folder == "/tmp/e");
  ::unsetenv("CULVERT_CONFIG_DIR");
}

TEST_CASE("help comes without a word, with --help, and for each verb") {
  CHECK(contains(parse_as<HelpOptions>({}).text, "status"));
  CHECK(contains(parse_as<HelpOptions>({"--help"}).text, "status"));
  CHECK(contains(parse_as<HelpOptions>({"help"}).text, "status"));
  CHECK(contains(parse_as<HelpOptions>({"reload", "--help"}).text, "--dry-run"));
  CHECK(contains(parse_as<HelpOptions>({"help", "reload"}).text, "--dry-run"));
  CHECK(std::holds_alternative<VersionOptions>(parse({"--version"}).verb));
  CHECK(std::holds_alternative<VersionOptions>(parse({"version"}).verb));
  for (const std::string_view verb : verbs()) CHECK_MESSAGE(contains(parse_as<HelpOptions>({}).text, verb), verb);
}

TEST_CASE("a slip in a verb is met with the verb that was meant") {
  CHECK(refusal({"statsu"}) == "unknown verb \"statsu\"; did you mean \"status\"?");
  CHECK(refusal({"dwon", "wg0"}) == "unknown verb \"dwon\"; did you mean \"down\"?");
  CHECK(refusal({"--config-dir", "/tmp/c", "pu", "wg0"}) == "unknown verb \"pu\"; did you mean \"up\"?");
  CHECK(refusal({"init"}).starts_with("init what? a gateway"));
  CHECK(refusal({"frobnicate"}) == "unknown verb \"frobnicate\"; culvert --help lists them");
}

TEST_CASE("a wrong command line says what is wrong with it") {
  CHECK(contains(refusal({"up"}), "NAME"));
  CHECK(contains(refusal({"up", "wg0", "wg1"}), "wg1"));
  CHECK(contains(refusal({"reload", "wg0", "--dryrun"}), "--dryrun"));
  CHECK(contains(refusal({"portal", "wg0", "--minutes", "61"}), "61"));
  CHECK(contains(refusal({"portal", "wg0", "--minutes", "soon"}), "soon"));
  CHECK(contains(refusal({"--nonsense"}), "--nonsense"));
}
