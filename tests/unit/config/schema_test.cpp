// SPDX-License-Identifier: MIT
#include "schema.hpp"

#include <algorithm>
#include <set>

#include "config_support.hpp"

using namespace culvert::config;
using namespace culvert::config::test;

TEST_CASE("every key of the schema is known to the reader, and says what it is for") {
  std::set<std::pair<Section, std::string_view>> seen;
  for (const KeyInfo& info : schema_keys()) {
    CAPTURE(std::string(info.key));
    CHECK(seen.emplace(info.section, info.key).second);
    CHECK(!info.type.empty());
    CHECK(!info.range.empty());
    CHECK(!info.meaning.empty());
    CHECK(info.meaning.back() != '.');
    // A table is wrong for any of them, and the reader says so of a key that it knows.
    const std::string header =
        info.section == Section::peer ? "[[peer]]\n" : '[' + std::string(section_name(info.section)) + "]\n";
    const auto result = read(header + std::string(info.key) + " = {}\n");
    REQUIRE(!result.has_value());
    for (const Finding& finding : result.error()) CHECK(finding.reason.find("unknown") == std::string::npos);
    CHECK(std::any_of(result.error().begin(), result.error().end(), [&](const Finding& finding) {
      return finding.place.line == 2 && finding.key.find(info.key) != std::string::npos;
    }));
  }
}

TEST_CASE("sections stand in the order of their values") {
  std::size_t i = 0;
  for (const SectionInfo& info : schema_sections()) {
    CHECK(static_cast<std::size_t>(info.section) == i++);
    CHECK(section_name(info.section) == info.name);
  }
  CHECK(i == 10);
}

TEST_CASE("the nearest word is the one with the fewest slips") {
  constexpr std::string_view kWords[] = {"listen_port", "allowed_ips", "mtu"};
  CHECK(nearest("listen_prot", kWords) == "listen_port");
  CHECK(nearest("ListenPort", kWords) == "listen_port");
  CHECK(nearest("alowedip", kWords) == "allowed_ips");
  CHECK(nearest("mut", kWords) == "mtu");
  CHECK(!nearest("frobnicate", kWords));
  CHECK(!nearest("", kWords));
  CHECK(!nearest(std::string(1000000, 'x'), kWords));
}
