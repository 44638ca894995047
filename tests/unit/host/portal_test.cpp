// SPDX-License-Identifier: MIT
#include "portal.hpp"

#include <doctest/doctest.h>

#include "host_support.hpp"

using namespace culvert;
using namespace culvert::host;

namespace {

bool has(const std::string& text, const std::string& words) { return text.find(words) != std::string::npos; }

}  // namespace

TEST_CASE("everything that is opened has its time, and what was open before is shut first") {
  const std::string text =
      portal_text("wg0", {.time = std::chrono::seconds(90), .user = {}, .resolvers = {*parse_address("10.1.0.2")}});
  std::size_t lines = 0, timed = 0;
  for (std::size_t at = 0; (at = text.find("add element", at)) != std::string::npos; ++at) ++lines;
  for (std::size_t at = 0; (at = text.find(" timeout 90s", at)) != std::string::npos; ++at) ++timed;
  CHECK(lines == 5);
  CHECK(timed == lines);
  CHECK(text.rfind("flush ") < text.find("add element"));
}

TEST_CASE("names are opened in a family that has a resolver, and to that only") {
  const std::string text =
      portal_text("wg0", {.time = std::chrono::seconds(90),
                          .user = 1000,
                          .resolvers = {*parse_address("fd00:1::2"), *parse_address("fd00:1::3")}});
  CHECK(has(text, "portal_names { ipv6 timeout 90s }"));
  CHECK(has(text, "portal_to6 { ipv6 timeout 90s : fd00:1::2 }"));
  CHECK(has(text, "portal_resolvers6 { fd00:1::3 timeout 90s }"));
  CHECK_FALSE(has(text, "ipv4"));
  CHECK(has(text, "portal_users { 1000 timeout 90s }"));
  CHECK_FALSE(has(text, "portal_web {"));
  CHECK_FALSE(
      has(portal_text("wg0", {.time = std::chrono::seconds(90), .user = {}, .resolvers = {}}), "portal_names {"));
}
