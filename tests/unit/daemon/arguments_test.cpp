// SPDX-License-Identifier: MIT
#include "arguments.hpp"

#include <doctest/doctest.h>

#include <map>

using namespace culvert::daemon;

namespace {

using Words = std::vector<const char*>;
using Variables = std::map<std::string, std::string, std::less<>>;

culvert::Result<Options, std::string> parse(const Words& words, const Variables& variables = {}) {
  return parse_arguments(words, [&](std::string_view name) -> std::optional<std::string> {
    const auto it = variables.find(name);
    return it == variables.end() ? std::nullopt : std::optional(it->second);
  });
}

Options options(const Words& words, const Variables& variables = {}) {
  auto parsed = parse(words, variables);
  if (!parsed) FAIL(parsed.error());
  return *parsed;
}

std::string error(const Words& words, const Variables& variables = {}) {
  const auto parsed = parse(words, variables);
  REQUIRE(!parsed);
  return parsed.error();
}

}  // namespace

TEST_CASE("an interface's name alone runs it in the background, and logs errors") {
  const Options parsed = options({"wg0"});
  CHECK(parsed.action == Options::Action::run);
  CHECK(parsed.place == Options::Place::background);
  CHECK(parsed.interface == "wg0");
  CHECK(!parsed.tun_fd);
  CHECK(!parsed.uapi_fd);
  CHECK(parsed.log_level == LogLevel::error);
  CHECK(!parsed.lanes);
  CHECK(parsed.offloads == OffloadSwitches{true, true, true});
  CHECK(parsed.warnings.empty());
}

TEST_CASE("-f, --foreground and WG_PROCESS_FOREGROUND=1 keep it in the foreground") {
  CHECK(options({"-f", "wg0"}).place == Options::Place::foreground);
  CHECK(options({"wg0", "-f"}).place == Options::Place::foreground);
  CHECK(options({"--foreground", "wg0"}).place == Options::Place::foreground);
  CHECK(options({"wg0"}, {{"WG_PROCESS_FOREGROUND", "1"}}).place == Options::Place::foreground);
  CHECK(options({"wg0"}, {{"WG_PROCESS_FOREGROUND", "0"}}).place == Options::Place::background);
}

TEST_CASE("--version and --help need nothing else, not even a sane environment") {
  CHECK(options({"--version"}).action == Options::Action::print_version);
  CHECK(options({"--help"}, {{"WG_TUN_FD", "x"}}).action == Options::Action::print_help);
  CHECK(options({"-h"}).action == Options::Action::print_help);
  CHECK(options({"wg0", "--version"}).action == Options::Action::print_version);
}

TEST_CASE("a configuration file names its interface, unless the command line does") {
  CHECK(options({"--config", "/etc/culvert/home.toml"}).interface == "home");
  CHECK(options({"--config", "/etc/culvert/home.toml"}).config == "/etc/culvert/home.toml");
  CHECK(options({"-f", "--config", "wg0.conf"}).interface == "wg0");
  CHECK(options({"--config", "/tmp/x.toml", "wg7"}).interface == "wg7");
  CHECK(options({"wg0"}).config.empty());
  CHECK(error({"--config"}).find("which file") != std::string::npos);
  CHECK(error({"--config", "/etc/culvert/home"}).find("which interface") != std::string::npos);
  CHECK(error({"--config", "/etc/culvert/a-name-too-long-for-linux.toml"}).find("no interface name") !=
        std::string::npos);
}

TEST_CASE("--undo names an interface, and --guard a file") {
  CHECK(options({"--undo", "wg0"}).action == Options::Action::undo);
  CHECK(options({"--undo", "wg0"}).interface == "wg0");
  CHECK(error({"--undo"}).find("which interface") != std::string::npos);
  CHECK(options({"--guard", "--config", "/etc/culvert/wg0.toml"}).action == Options::Action::guard);
  CHECK(error({"--guard", "wg0"}).find("of which file") != std::string::npos);
}

TEST_CASE("the command line's mistakes are named") {
  CHECK(error({}).find("which interface") != std::string::npos);
  CHECK(error({"-f"}).find("which interface") != std::string::npos);
  CHECK(error({"wg0", "wg1"}) == "one interface at a time: wg0 or wg1?");
  CHECK(error({"--forground", "wg0"}).find("--forground") != std::string::npos);
  CHECK(error({"-fx", "wg0"}).find("-fx") != std::string::npos);
  CHECK(error({""}).find("no interface name") != std::string::npos);
  CHECK(error({"wg/0"}).find("wg/0") != std::string::npos);
}

TEST_CASE("after -- a name may begin with a dash") {
  CHECK(options({"-f", "--", "-f"}).interface == "-f");
  CHECK(error({"--"}).find("which interface") != std::string::npos);
}

TEST_CASE("LOG_LEVEL has four values, and any other one is only worth a warning") {
  CHECK(options({"wg0"}, {{"LOG_LEVEL", "verbose"}}).log_level == LogLevel::verbose);
  CHECK(options({"wg0"}, {{"LOG_LEVEL", "debug"}}).log_level == LogLevel::verbose);
  CHECK(options({"wg0"}, {{"LOG_LEVEL", "error"}}).log_level == LogLevel::error);
  CHECK(options({"wg0"}, {{"LOG_LEVEL", "silent"}}).log_level == LogLevel::silent);
  const Options other = options({"wg0"}, {{"LOG_LEVEL", "info"}});
  CHECK(other.log_level == LogLevel::error);
  CHECK(other.warnings == std::vector<std::string>{"LOG_LEVEL=info: unknown, taken as error"});
}

TEST_CASE("inherited descriptors are numbers from 3, and two of them differ") {
  const Options parsed = options({"wg0"}, {{"WG_TUN_FD", "3"}, {"WG_UAPI_FD", "4"}});
  CHECK(parsed.tun_fd == 3);
  CHECK(parsed.uapi_fd == 4);
  for (const char* value : {"2", "-1", "x", "3x", " 3", "2147483648", "99999999999999999999"}) {
    CAPTURE(value);
    CHECK(error({"wg0"}, {{"WG_TUN_FD", value}}).find("WG_TUN_FD") == 0);
    CHECK(error({"wg0"}, {{"WG_UAPI_FD", value}}).find("WG_UAPI_FD") == 0);
  }
  CHECK(error({"wg0"}, {{"WG_TUN_FD", "3"}, {"WG_UAPI_FD", "3"}}).find("same descriptor") != std::string::npos);
}

TEST_CASE("empty variables count as unset") {
  const Options parsed = options({"wg0"}, {{"WG_TUN_FD", ""},
                                           {"WG_UAPI_FD", ""},
                                           {"LOG_LEVEL", ""},
                                           {"CULVERT_LANES", ""},
                                           {"WG_THREADS", ""},
                                           {"CULVERT_OFFLOADS", ""},
                                           {"WG_PROCESS_FOREGROUND", ""}});
  CHECK(!parsed.tun_fd);
  CHECK(!parsed.lanes);
  CHECK(parsed.place == Options::Place::background);
  CHECK(parsed.offloads == OffloadSwitches{true, true, true});
  CHECK(parsed.warnings.empty());
}

TEST_CASE("lanes are 1 to 64, and our own variable wins") {
  CHECK(options({"wg0"}, {{"WG_THREADS", "3"}}).lanes == 3u);
  CHECK(options({"wg0"}, {{"WG_THREADS", "3"}, {"CULVERT_LANES", "64"}}).lanes == 64u);
  CHECK(error({"wg0"}, {{"CULVERT_LANES", "0"}}).find("from 1 to 64") != std::string::npos);
  CHECK(error({"wg0"}, {{"CULVERT_LANES", "65"}}).find("CULVERT_LANES=65") == 0);
  CHECK(error({"wg0"}, {{"WG_THREADS", "two"}}).find("WG_THREADS=two") == 0);
}

TEST_CASE("where packet halves are started is an absolute path, or nothing") {
  CHECK(options({"wg0"}).packet_socket.empty());
  CHECK(options({"wg0"}, {{"CULVERT_PACKET_SOCKET", "/run/packets"}}).packet_socket == "/run/packets");
  CHECK(!parse({"wg0"}, {{"CULVERT_PACKET_SOCKET", "packets"}}));
}

TEST_CASE("offloads are on, off, or those that are listed") {
  const auto switches = [](const char* value) { return options({"wg0"}, {{"CULVERT_OFFLOADS", value}}).offloads; };
  CHECK(switches("on") == OffloadSwitches{true, true, true});
  CHECK(switches("off") == OffloadSwitches{false, false, false});
  CHECK(switches("vnet") == OffloadSwitches{true, false, false});
  CHECK(switches("gro,gso") == OffloadSwitches{false, true, true});
  for (const char* value : {"gsp", "gso,", ",", "gso, gro", "on,off", "ON"}) {
    CAPTURE(value);
    CHECK(error({"wg0"}, {{"CULVERT_OFFLOADS", value}}).find("CULVERT_OFFLOADS=") == 0);
  }
}

TEST_CASE("--help names every option, variable and exit code") {
  const std::string help(help_text());
  for (const char* word : {"--foreground", "-f,", "--version", "--help", "LOG_LEVEL", "verbose", "silent",
                           "WG_PROCESS_FOREGROUND", "WG_TUN_FD", "WG_UAPI_FD", "CULVERT_LANES", "WG_THREADS",
                           "CULVERT_OFFLOADS", "\n  0  ", "\n  1  ", "\n  2  ", "\n  3  ", "/var/run/wireguard/"}) {
    CAPTURE(word);
    CHECK(help.find(word) != std::string::npos);
  }
}
