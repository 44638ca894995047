// SPDX-License-Identifier: MIT
#include "events_command.hpp"

#include <doctest/doctest.h>

using namespace culvert::cli;

TEST_CASE("lines come out whole, wherever they are cut, and drive no terminal") {
  PrintableLines lines;
  CHECK(lines.take("{\"a\":1}\n{\"b\"") == "{\"a\":1}\n");
  CHECK(lines.take(":\"\xc2").empty());
  CHECK(lines.take("\x9b"
                   "2J\x1b[0m\"}\n\n") == "{\"b\":\"?2J?[0m\"}\n\n");
}

TEST_CASE("a line that does not end is cut, and nothing is kept of it") {
  PrintableLines lines;
  const std::string shown = lines.take(std::string(150'000, 'x'));
  CHECK(shown == std::string(65'536, 'x') + '\n' + std::string(65'536, 'x') + '\n');
  CHECK(lines.take("\n") == std::string(150'000 - 2 * 65'536, 'x') + '\n');
}
