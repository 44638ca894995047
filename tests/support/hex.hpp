// SPDX-License-Identifier: MIT
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <culvert/bytes.hpp>

namespace culvert::test {

inline std::string hex(Bytes octets) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t octet : octets) {
    text += kDigits[octet >> 4];
    text += kDigits[octet & 15];
  }
  return text;
}

/// Throws when `text` is not an even number of hexadecimal digits.
inline std::vector<std::uint8_t> unhex(std::string_view text) {
  const auto digit = [](char c) -> unsigned {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
    if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
    throw std::invalid_argument("not a hexadecimal digit");
  };
  if (text.size() % 2 != 0) throw std::invalid_argument("half an octet");
  std::vector<std::uint8_t> octets;
  for (std::size_t i = 0; i < text.size(); i += 2)
    octets.push_back(static_cast<std::uint8_t>(digit(text[i]) << 4 | digit(text[i + 1])));
  return octets;
}

/// Throws when `text` is not N octets.
template <std::size_t N>
Octets<N> unhex_array(std::string_view text) {
  const std::vector<std::uint8_t> octets = unhex(text);
  if (octets.size() != N) throw std::invalid_argument("wrong length");
  Octets<N> result;
  for (std::size_t i = 0; i < N; ++i) result[i] = octets[i];
  return result;
}

}  // namespace culvert::test
