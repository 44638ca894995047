// SPDX-License-Identifier: MIT
#include "suggest.hpp"

#include <doctest/doctest.h>

#include <array>

using namespace culvert::cli;

TEST_CASE("slips are letters wrong, missing, too many, or swapped with their neighbour") {
  CHECK(slips("", "") == 0);
  CHECK(slips("", "abc") == 3);
  CHECK(slips("status", "status") == 0);
  CHECK(slips("status", "stotus") == 1);
  CHECK(slips("status", "sttus") == 1);
  CHECK(slips("status", "sstatus") == 1);
  CHECK(slips("status", "statsu") == 1);
  CHECK(slips("ca", "abc") == 3);  // no letter is moved twice
  CHECK(slips("up", "down") == 4);
}

TEST_CASE("the nearest word is given, or none where none is near") {
  constexpr std::array<std::string_view, 6> kWords{"up", "down", "status", "genkey", "genpsk", "reload"};
  CHECK(nearest("statu", kWords) == "status");
  CHECK(nearest("pu", kWords) == "up");
  CHECK(nearest("genkye", kWords) == "genkey");
  CHECK(nearest("stat", kWords) == "status");  // only one begins so
  CHECK(nearest("gen", kWords).empty());       // two begin so
  CHECK(nearest("x", kWords).empty());
  CHECK(nearest("", kWords).empty());
  CHECK(nearest("handshake", kWords).empty());
  CHECK(nearest("up", {}).empty());
}
