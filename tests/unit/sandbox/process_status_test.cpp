// SPDX-License-Identifier: MIT
#include "process_status.hpp"

#include <doctest/doctest.h>

namespace culvert {
namespace {

const std::string kText =
    "Name:\tculvertd-packet\nGroups:\t \nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
    "CapEff:\t0000000000000000\nCapBnd:\t000001fffeffffff\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n";

std::string replaced(const std::string& from, const std::string& to) {
  std::string text = kText;
  return text.replace(text.find(from), from.size(), to);
}

TEST_CASE("the powers of a process are read from the kernel's words") {
  const auto status = sandbox::parse_process_status(kText);
  REQUIRE(status.has_value());
  CHECK(status->bounding == 0x1fffeffffff);
  CHECK_FALSE(status->has_capabilities());
  CHECK(status->no_new_privileges);
  CHECK(status->seccomp_mode == 2);
  CHECK_FALSE(status->has_groups);
}

TEST_CASE("one capability in any set but the bounding one is seen") {
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) {
    const std::string line = std::string(set) + ":\t0000000000000000";
    const auto status = sandbox::parse_process_status(replaced(line, std::string(set) + ":\t0000000000001000"));
    CAPTURE(set);
    REQUIRE(status.has_value());
    CHECK(status->has_capabilities());
  }
}

TEST_CASE("a group is seen, and that new privileges can be had") {
  CHECK(sandbox::parse_process_status(replaced("Groups:\t ", "Groups:\t27 "))->has_groups);
  CHECK_FALSE(sandbox::parse_process_status(replaced("NoNewPrivs:\t1", "NoNewPrivs:\t0"))->no_new_privileges);
}

TEST_CASE("a line that is missing or is no number is named, so that nobody takes it for a zero") {
  CHECK(sandbox::parse_process_status(replaced("CapEff", "CapXff")).error() == "CapEff");
  CHECK(sandbox::parse_process_status(replaced("CapPrm:\t0", "CapPrm:\tx")).error() == "CapPrm");
  CHECK(sandbox::parse_process_status(replaced("NoNewPrivs:\t1", "NoNewPrivs:\t")).error() == "NoNewPrivs");
  CHECK(sandbox::parse_process_status(replaced("Groups", "Troops")).error() == "Groups");
}

TEST_CASE("a kernel without seccomp counts as one without a filter") {
  CHECK(sandbox::parse_process_status(replaced("Seccomp:\t2\n", ""))->seccomp_mode == 0);
}

TEST_CASE("this process can read of itself") { CHECK(sandbox::read_own_status().has_value()); }

}  // namespace
}  // namespace culvert
