// SPDX-License-Identifier: MIT
#include "findings.hpp"

#include <doctest/doctest.h>

#include "console_fake.hpp"
#include "failure.hpp"
#include "temporary_folder.hpp"

using namespace culvert;
using namespace culvert::cli;

namespace {

constexpr const char* kGood =
    "[interface]\nprivate_key = \"dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\"\naddresses = [\"10.86.0.1/24\"]\n";

}  // namespace

TEST_CASE("a good file is told in one line") {
  const TemporaryFolder folder;
  folder.write("wg0.toml", kGood);
  FakeConsole console;
  check({"wg0", folder.at("wg0.toml")}, {}, console.console());
  CHECK(console.out == folder.at("wg0.toml") + ": good: 1 address, 0 peers\n");
  CHECK(console.err.empty());
}

TEST_CASE("what does not go together with this machine is a warning, and the file stays usable") {
  const TemporaryFolder folder;
  folder.write("wg0.toml", kGood);
  FakeConsole console;
  check({"wg0", folder.at("wg0.toml")}, {{"eth0", *parse_prefix("10.86.0.9/24")}}, console.console());
  CHECK(console.err.find("warning: ") != std::string::npos);
  CHECK(console.out.find(": usable: 1 address, 0 peers, 1 warning\n") != std::string::npos);
  // The interface's own address, while it is up, is no collision.
  FakeConsole own;
  check({"wg0", folder.at("wg0.toml")}, {{"wg0", *parse_prefix("10.86.0.1/24")}}, own.console());
  CHECK(own.err.empty());
}

TEST_CASE("all errors are told with file, line and column, and exit code 3") {
  const TemporaryFolder folder;
  const std::string path = folder.at("wg0.toml");
  folder.write("wg0.toml", std::string(kGood) + "listen_prt = 7\nmtu = \"big\"\n");
  FakeConsole console;
  try {
    check({"wg0", path}, {}, console.console());
    FAIL("accepted");
  } catch (const Failure& failure) {
    CHECK(failure.code() == ExitCode::invalid);
    CHECK(std::string(failure.what()) == "2 errors in " + path + "; nothing was changed");
  }
  CHECK(console.err.find(path + ":4:1: error: ") != std::string::npos);
  CHECK(console.err.find("did you mean listen_port?") != std::string::npos);
  CHECK(console.err.find(path + ":5:") != std::string::npos);
  CHECK(console.out.empty());
}

TEST_CASE("findings are coloured on a terminal alone") {
  FakeConsole console;
  config::Finding finding;
  finding.reason = "no\x1b[2J";
  Console coloured = console.console();
  coloured.error_colours = Console::Colours::ansi;
  print_findings({finding}, coloured);
  CHECK(console.err == "\x1b[31merror: no?[2J\x1b[0m\n");
}
