// SPDX-License-Identifier: MIT
#include "table.hpp"

#include <doctest/doctest.h>

using namespace culvert::cli;

TEST_CASE("columns are as wide as their widest cell, and no line ends in a space") {
  Table table({"NAME", "ADDRESS", "STATE"});
  table.add({"alice", "10.0.0.2", "up"});
  table.add({"b", "10.0.0.13", ""});
  CHECK(table.text() ==
        "NAME   ADDRESS    STATE\n"
        "alice  10.0.0.2   up\n"
        "b      10.0.0.13\n");
}

TEST_CASE("letters beyond ASCII take one column") {
  CHECK(columns_of("Zoë…") == 4);
  Table table({"NAME", "X"});
  table.add({"Zoë", "1"});
  table.add({"Anna", "2"});
  CHECK(table.text() == "NAME  X\nZoë   1\nAnna  2\n");
}

TEST_CASE("a table without rows is nothing") { CHECK(Table({"NAME"}).text().empty()); }
