// SPDX-License-Identifier: MIT
#include "toml_text.hpp"

#include "config_support.hpp"
#include "toml_tree.hpp"

using namespace culvert;
using namespace culvert::config;
using namespace culvert::config::test;

namespace {

std::string safe_text(std::string_view text) { return make_safe(text, "f").text; }

std::string repeat(std::string_view part, std::size_t times) {
  std::string out;
  for (; times > 0; --times) out += part;
  return out;
}

}  // namespace

TEST_CASE("what stands between a secret key's quotes becomes stars, and nothing else changes") {
  CHECK(safe_text("private_key = \"abc\" # private_key = \"abc\"\n") ==
        "private_key = \"***\" # private_key = \"abc\"\n");
  CHECK(safe_text("preshared_key='abc'\npublic_key = 'abc'\n") == "preshared_key='***'\npublic_key = 'abc'\n");
  CHECK(safe_text("a = {private_key = 'abc', b = 'c'}") == "a = {private_key = '***', b = 'c'}");
  CHECK(safe_text("\"private_key\" = 'a'\n'preshared_key'\t=\t\"b\"") ==
        "\"private_key\" = '*'\n'preshared_key'\t=\t\"*\"");
  CHECK(safe_text("interface.private_key = 'a'") == "interface.private_key = '*'");
  CHECK(safe_text("private_key = \"\"\"\na\"b\n\"\"\"\nx = 'y'") == "private_key = \"\"\"\n***\n\"\"\"\nx = 'y'");
  CHECK(safe_text("private_key = '''a'b'''\nx = 'y'") == "private_key = '''***'''\nx = 'y'");
  CHECK(safe_text("private_key = \"a\\\"b\"\nx = 'y'") == "private_key = \"****\"\nx = 'y'");
  CHECK(safe_text("private_key = [\"a\", 'b']") == "private_key = [\"*\", 'b']");
  CHECK(safe_text("private_key = \"abc\nx = 'y'") == "private_key = \"***\nx = 'y'");
  CHECK(safe_text("private_key_file = 'a'\npreshared_key_credential = 'b'") ==
        "private_key_file = 'a'\npreshared_key_credential = 'b'");
  CHECK(safe_text("PrivateKey = 'a'\nPresharedKey = 'b'\npsk = 'c'\nprivkey = 'd'") ==
        "PrivateKey = '*'\nPresharedKey = '*'\npsk = '*'\nprivkey = '*'");
  CHECK(safe_text("name = \"private_key = 'a'\"") == "name = \"private_key = 'a'\"");
}

TEST_CASE("secrets are found again by the place of their quotes") {
  const SafeText safe = make_safe("a = {n = \"\xc3\xa4\", private_key = 'abc'}\n\tpreshared_key = \"d\"", "f");
  REQUIRE(safe.secrets.size() == 2);
  const auto text = [&](std::uint32_t line, std::uint32_t column) {
    const auto it = safe.secrets.find({line, column});
    REQUIRE(it != safe.secrets.end());
    return std::string(it->second.begin(), it->second.end());
  };
  CHECK(text(1, 29) == "abc");
  CHECK(text(2, 18) == "d");
}

TEST_CASE("a secret without quotes is hidden as well, and told of") {
  const SafeText safe = make_safe("private_key = abc+/= # why\nx = 1\n", "f");
  CHECK(safe.text == "private_key = *******# why\nx = 1\n");
  REQUIRE(safe.errors.size() == 1);
  CHECK(safe.errors[0].message() == "f:1:15: error: private_key: a key stands in quotes: private_key = \"...\"");
}

TEST_CASE("keys of too many parts never reach the parser") {
  CHECK(make_safe("a.b.c.d.e.f.g.h = 1\n", "f").errors.empty());
  CHECK(make_safe("x = [\"1.2.3.4\", \"a.b.c.d.e.f.g.h.i.j\"] # a.b.c.d.e.f.g.h.i.j\n", "f").errors.empty());
  for (const std::string& text :
       {repeat("a.", 100000) + "b = 1", '[' + repeat("a.", 100000) + "b]", "x = {" + repeat("a . ", 100000) + "b = 1}",
        repeat("\"=.\".", 100000) + "b = 1", repeat("'#'.", 100000) + "b = 1", repeat("\"\\\"\".", 100000) + "b = 1"}) {
    const SafeText safe = make_safe(text, "f");
    REQUIRE(safe.errors.size() == 1);
    CHECK(safe.errors[0].reason == "a key of more than 8 parts; no key here has more than 2");
  }
}

TEST_CASE("values in values end at the parser's own bound") {
  const auto deep = [](std::size_t levels, std::string_view open, std::string_view close) {
    return parse_toml(make_safe("x = " + repeat(open, levels) + "1" + repeat(close, levels) + '\n', "f"), "f");
  };
  CHECK(deep(100, "[", "]").has_value());
  CHECK(!deep(100000, "[", "]").has_value());
  CHECK(deep(100, "[{a.b.c.d.e.f.g.h=", "}]").has_value());
  CHECK(!deep(100000, "[{a.b.c.d.e.f.g.h=", "}]").has_value());
}
