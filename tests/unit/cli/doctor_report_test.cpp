// SPDX-License-Identifier: MIT
#include "doctor_report.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

using namespace culvert::cli;
using Grade = DoctorCheck::Grade;

namespace {

/// As a person without colours sees it.
std::string shown(std::size_t columns) {
  std::string text;
  DoctorText lines(Console::Colours::none, columns);
  Diagnosis diagnosis({[&](const DoctorCheck& check) { text += lines.line(check); }, {}});
  diagnosis.begin("wg0");
  diagnosis.add({Grade::good, "link", "It is up.", ""});
  diagnosis.begin("alice");
  diagnosis.add({Grade::failure, "path", "There is no route to where she is.", "ip route get 192.0.2.1"});
  diagnosis.add({Grade::warning, "data", "Nothing comes back.", "Ask her, whether she is there or not."});
  return text;
}

}  // namespace

TEST_CASE("each check is told when it is made, under the name of what it is about") {
  CHECK(shown(0) ==
        "wg0\n"
        "  ✓ link           It is up.\n"
        "\n"
        "alice\n"
        "  ✗ path           There is no route to where she is.\n"
        "                   → ip route get 192.0.2.1\n"
        "  ! data           Nothing comes back.\n"
        "                   → Ask her, whether she is there or not.\n");
}

TEST_CASE("sentences are broken where a terminal ends; a command stays whole, to be copied") {
  CHECK(shown(40) ==
        "wg0\n"
        "  ✓ link           It is up.\n"
        "\n"
        "alice\n"
        "  ✗ path           There is no route to\n"
        "                   where she is.\n"
        "                   → ip route get 192.0.2.1\n"
        "  ! data           Nothing comes back.\n"
        "                   → Ask her, whether she\n"
        "                     is there or not.\n");
}

TEST_CASE("for programs it is JSON, with the count of failures") {
  Diagnosis diagnosis;
  diagnosis.begin("wg0");
  diagnosis.add({Grade::good, "link", "It is up.", ""});
  diagnosis.add({Grade::failure, "path", "No route.", "ip route"});
  const auto json = nlohmann::json::parse(diagnosis_json("wg0", diagnosis));
  CHECK(json["failures"] == 1);
  CHECK(json["checks"][1]["mend"] == "ip route");
  CHECK(json["checks"][0]["grade"] == "good");
  CHECK(json["checks"][0]["section"] == "wg0");
  CHECK_FALSE(json["checks"][0].contains("mend"));
}
