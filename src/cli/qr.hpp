// SPDX-License-Identifier: MIT
// A configuration as a QR code: for the terminal, as PNG, as SVG.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::cli {

/// A square of dark and light modules, without the quiet zone around it.
struct QrCode {
  std::size_t side = 0;            // modules
  std::vector<std::uint8_t> dark;  // side * side, row by row; 1: dark

  [[nodiscard]] bool is_dark(std::size_t x, std::size_t y) const noexcept { return dark[y * side + x] != 0; }
};

/// Octets as they are, with the lowest error correction: the code is read off a screen, and fewer modules are larger.
/// \throws Failure when the text is over 2953 octets, which is all that a code holds.
[[nodiscard]] QrCode encode_qr(std::string_view text);

/// Two modules a character, dark on light whatever the terminal's colours are, with a quiet zone of 4 modules.
[[nodiscard]] std::string qr_terminal(const QrCode& code);
/// 8 pixels a module, one bit a pixel.
[[nodiscard]] std::string qr_png(const QrCode& code);
[[nodiscard]] std::string qr_svg(const QrCode& code);

}  // namespace culvert::cli
