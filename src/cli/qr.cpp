// SPDX-License-Identifier: MIT
#include "qr.hpp"

#include <fmt/format.h>
#include <png.h>
#include <qrencode.h>

#include <cerrno>
#include <memory>

#include "failure.hpp"

namespace culvert::cli {
namespace {

constexpr std::size_t kQuiet = 4;   // modules of light around the code [ISO 18004 9.1]
constexpr std::size_t kPixels = 8;  // a module's side in the PNG

struct FreeCode {
  void operator()(QRcode* code) const noexcept { QRcode_free(code); }
};

[[noreturn]] void refuse_png(png_structp, png_const_charp why) {
  throw Failure(ExitCode::failed, fmt::format("the PNG of the QR code cannot be made: {}", why));
}

void append_png(png_structp png, png_bytep data, std::size_t size) {
  static_cast<std::string*>(png_get_io_ptr(png))->append(reinterpret_cast<const char*>(data), size);
}

/// libpng's two structures, freed on every way out.
struct PngWriter {
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, refuse_png, nullptr);
  png_infop info = png == nullptr ? nullptr : png_create_info_struct(png);

  PngWriter() {
    if (info == nullptr) throw Failure(ExitCode::failed, "the PNG of the QR code cannot be made: out of memory");
  }
  PngWriter(const PngWriter&) = delete;
  PngWriter& operator=(const PngWriter&) = delete;
  ~PngWriter() { png_destroy_write_struct(&png, &info); }
};

/// Whether a module of the code with its quiet zone is dark.
bool dark_in_frame(const QrCode& code, std::size_t x, std::size_t y) noexcept {
  const bool inside = x >= kQuiet && y >= kQuiet && x < code.side + kQuiet && y < code.side + kQuiet;
  return inside && code.is_dark(x - kQuiet, y - kQuiet);
}

}  // namespace

QrCode encode_qr(std::string_view text) {
  const std::unique_ptr<QRcode, FreeCode> made(QRcode_encodeData(
      static_cast<int>(text.size()), reinterpret_cast<const unsigned char*>(text.data()), 0, QR_ECLEVEL_L));
  if (!made)
    throw Failure(ExitCode::failed, errno == ERANGE
                                        ? fmt::format("{} octets are too many for a QR code, which holds 2953; "
                                                      "write a file with -o instead",
                                                      text.size())
                                        : std::string("the QR code cannot be made: out of memory"));
  QrCode code;
  code.side = static_cast<std::size_t>(made->width);
  code.dark.resize(code.side * code.side);
  // Bit 0 of a module says its colour; the others say what it is for.
  for (std::size_t i = 0; i < code.dark.size(); ++i) code.dark[i] = made->data[i] & 1;
  return code;
}

std::string qr_terminal(const QrCode& code) {
  const std::size_t side = code.side + 2 * kQuiet;
  std::string text;
  for (std::size_t y = 0; y < side; y += 2) {
    text += "\x1b[38;5;16;48;5;231m";  // black on white of the fixed colours, which no theme changes
    for (std::size_t x = 0; x < side; ++x) {
      const bool upper = dark_in_frame(code, x, y), lower = dark_in_frame(code, x, y + 1);
      text += upper ? (lower ? "█" : "▀") : (lower ? "▄" : " ");
    }
    text += "\x1b[0m\n";
  }
  return text;
}

std::string qr_png(const QrCode& code) {
  std::string file;
  const PngWriter writer;
  const std::size_t modules = code.side + 2 * kQuiet, pixels = modules * kPixels;
  static_assert(kPixels == 8, "a module of a row is one octet");
  png_set_write_fn(writer.png, &file, append_png, nullptr);
  png_set_IHDR(writer.png, writer.info, static_cast<png_uint_32>(pixels), static_cast<png_uint_32>(pixels), 1,
               PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(writer.png, writer.info);
  std::vector<png_byte> row(modules);
  for (std::size_t y = 0; y < modules; ++y) {
    for (std::size_t x = 0; x < modules; ++x) row[x] = dark_in_frame(code, x, y) ? 0x00 : 0xFF;
    for (std::size_t i = 0; i < kPixels; ++i) png_write_row(writer.png, row.data());
  }
  png_write_end(writer.png, nullptr);
  return file;
}

std::string qr_svg(const QrCode& code) {
  const std::size_t side = code.side + 2 * kQuiet;
  std::string text = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {0}\" width=\"{1}\" height=\"{1}\" "
      "shape-rendering=\"crispEdges\">\n<rect width=\"{0}\" height=\"{0}\" fill=\"#fff\"/>\n<path fill=\"#000\" d=\"",
      side, side * kPixels);
  for (std::size_t y = 0; y < code.side; ++y)
    for (std::size_t x = 0; x < code.side;) {
      std::size_t end = x;
      while (end < code.side && code.is_dark(end, y)) ++end;
      if (end > x) text += fmt::format("M{} {}h{}v1h-{}z", x + kQuiet, y + kQuiet, end - x, end - x);
      x = std::max(end, x + 1);
    }
  return text + "\"/>\n</svg>\n";
}

}  // namespace culvert::cli
