// SPDX-License-Identifier: MIT
#include "key_commands.hpp"

#include <doctest/doctest.h>

#include "console_fake.hpp"
#include "failure.hpp"

using namespace culvert::cli;

TEST_CASE("genkey prints a clamped key, pubkey its public half, and no two are equal") {
  FakeConsole first, second, half;
  genkey(first.console());
  genkey(second.console());
  CHECK(first.out.size() == 45);
  CHECK(first.out.back() == '\n');
  CHECK(first.out != second.out);
  CHECK(first.err.empty());
  half.input = first.out;
  pubkey(half.console());
  CHECK(half.out.size() == 45);
  CHECK(half.out != first.out);
}

TEST_CASE("pubkey knows the keys of RFC 7748 6.1") {
  FakeConsole console;
  for (const char* end : {"", "\n", "\r\n"}) {
    console.out.clear();
    console.input = std::string("dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=") + end;
    pubkey(console.console());
    CHECK(console.out == "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n");
  }
}

TEST_CASE("genpsk prints 32 random octets") {
  FakeConsole first, second;
  genpsk(first.console());
  genpsk(second.console());
  CHECK(first.out.size() == 45);
  CHECK(first.out != second.out);
}

TEST_CASE("pubkey refuses what is no key, and never shows it") {
  for (const std::string& wrong : {std::string(), std::string("AAAA"), std::string(44, 'A'), std::string(300, 'A'),
                                   std::string("dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo= x")}) {
    FakeConsole console;
    console.input = wrong;
    try {
      pubkey(console.console());
      FAIL("accepted");
    } catch (const Failure& failure) {
      CHECK(failure.code() == ExitCode::failed);
      if (!wrong.empty()) CHECK(std::string(failure.what()).find(wrong) == std::string::npos);
    }
    CHECK(console.out.empty());
  }
}
