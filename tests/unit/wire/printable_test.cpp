// SPDX-License-Identifier: MIT
#include <doctest/doctest.h>

#include <culvert/printable.hpp>

using namespace culvert;

TEST_CASE("what people write stays as it is") {
  for (const std::string_view text : {"", "alice", "Zoë…", "日本", "\xf0\x9f\x94\x92"}) CHECK(printable(text) == text);
}

TEST_CASE("no text of somebody else's drives a terminal") {
  CHECK(printable("a\x1b[2Jb\n\x7f") == "a?[2Jb??");
  CHECK(printable("x\xC2\x9B"
                  "2Jy") == "x?2Jy");  // C1's CSI in UTF-8
  CHECK(printable("x\x9b"
                  "2Jy") == "x?2Jy");                     // and as an octet
  CHECK(printable("\xe2\x80\xaetxt.exe") == "?txt.exe");  // from right to left
  CHECK(printable("one\xe2\x80\xa8two") == "one?two");    // a separator of lines
}

TEST_CASE("what is no UTF-8 is shown octet by octet") {
  CHECK(printable("\xff\xfe") == "??");
  CHECK(printable("a\xc3") == "a?");
  CHECK(printable("\xe2\x82") == "??");
  CHECK(printable("\xc0\x8a") == "??");            // an overlong line feed
  CHECK(printable("\xed\xa0\x80") == "???");       // a surrogate
  CHECK(printable("\xf4\x90\x80\x80") == "????");  // beyond U+10FFFF
}
