// SPDX-License-Identifier: MIT
// Text that somebody else wrote, made safe to show: in a terminal, in a log, in an error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace culvert {

/// A character of UTF-8 at the front of a text. `octets` is 0 where there is none.
struct Utf8Character {
  char32_t code = 0;
  std::size_t octets = 0;
};

/// \param text  not empty. Overlong forms, surrogates and what lies beyond U+10FFFF are no characters [RFC 3629 3].
[[nodiscard]] constexpr Utf8Character first_character(std::string_view text) noexcept {
  const auto octet = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = octet(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t octets = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < octets) return {};
  char32_t code = lead & (0x7fU >> octets);
  for (std::size_t i = 1; i < octets; ++i) {
    if ((octet(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (octet(i) & 0x3fU);
  }
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  return code < kLeast[octets] || code > 0x10ffff || surrogate ? Utf8Character{} : Utf8Character{code, octets};
}

/// Whether a terminal may obey it instead of showing it, or show what follows in another order: C0, DEL and C1 (which
/// begins escape sequences just as ESC does), separators of lines, and overrides of the direction of writing.
[[nodiscard]] constexpr bool is_control(char32_t code) noexcept {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069);
}

/// With '?' for each control character, and for each octet that is no UTF-8.
[[nodiscard]] inline std::string printable(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  while (!text.empty()) {
    const auto [code, octets] = first_character(text);
    if (octets == 0 || is_control(code))
      shown += '?';
    else
      shown += text.substr(0, octets);
    text.remove_prefix(octets == 0 ? 1 : octets);
  }
  return shown;
}

}  // namespace culvert
