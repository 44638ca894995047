// SPDX-License-Identifier: MIT
#include "qr.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "failure.hpp"

using namespace culvert::cli;

namespace {

std::size_t count(const std::string& text, std::string_view part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

}  // namespace

TEST_CASE("a code is a square with a finder in three corners") {
  const QrCode code = encode_qr("[Interface]\nPrivateKey = x\n");
  CHECK(code.side >= 21);
  CHECK((code.side - 21) % 4 == 0);
  CHECK(code.dark.size() == code.side * code.side);
  const std::size_t far = code.side - 7;
  for (const auto& corner : {std::pair<std::size_t, std::size_t>{0, 0}, {far, 0}, {0, far}}) {
    for (std::size_t i = 0; i < 7; ++i) CHECK(code.is_dark(corner.first + i, corner.second));
    CHECK_FALSE(code.is_dark(corner.first + 1, corner.second + 1));
    CHECK(code.is_dark(corner.first + 3, corner.second + 3));
  }
}

TEST_CASE("the terminal gets two rows of modules a line, with a quiet zone") {
  const QrCode code = encode_qr("x");
  const std::string text = qr_terminal(code);
  CHECK(count(text, "\n") == (code.side + 8 + 1) / 2);
  CHECK(text.starts_with("\x1b[38;5;16;48;5;231m" + std::string(code.side + 8, ' ') + "\x1b[0m\n"));
  CHECK(count(text, "\x1b[0m\n") == count(text, "\n"));
}

TEST_CASE("the picture's files say what they are, and SVG draws each dark module once") {
  const QrCode code = encode_qr("x");
  CHECK(qr_png(code).starts_with("\x89PNG\r\n\x1a\n"));
  const std::string svg = qr_svg(code);
  CHECK(svg.ends_with("</svg>\n"));
  std::size_t drawn = 0;
  for (std::size_t at = svg.find('h', svg.find("d=\"")); at != std::string::npos; at = svg.find('h', at + 1))
    if (svg[at + 1] != '-') drawn += std::stoul(svg.substr(at + 1));
  CHECK(drawn == static_cast<std::size_t>(std::count(code.dark.begin(), code.dark.end(), 1)));
}

TEST_CASE("what no code holds is refused with another way") {
  CHECK(encode_qr(std::string(2953, 'a')).side == 177);
  try {
    static_cast<void>(encode_qr(std::string(2954, 'a')));
    FAIL("accepted");
  } catch (const Failure& failure) {
    CHECK(std::string(failure.what()).find("2954 octets") != std::string::npos);
  }
}
