// SPDX-License-Identifier: MIT
// Texts to configurations and messages, for all tests of this folder.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "load.hpp"
#include "wg_quick.hpp"

namespace culvert::config::test {

// Keys of whom nobody has the other half: 32 octets of one value in base64.
inline constexpr std::string_view kPrivate = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";  // 0x01
inline constexpr std::string_view kPublicA = "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=";  // 0x09
inline constexpr std::string_view kPublicB = "CgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgo=";  // 0x0a
inline constexpr std::string_view kShared = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";   // 0x07

/// `text` with each %K (private), %A, %B (public) and %S (preshared) replaced by a key.
inline std::string with_keys(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char next = text[i] == '%' && i + 1 < text.size() ? text[i + 1] : '\0';
    const std::string_view key = next == 'K'   ? kPrivate
                                 : next == 'A' ? kPublicA
                                 : next == 'B' ? kPublicB
                                 : next == 'S' ? kShared
                                               : std::string_view();
    if (key.empty()) {
      out += text[i];
    } else {
      out += key;
      ++i;
    }
  }
  return out;
}

inline LoadResult read(std::string_view text, Readers readers = Readers::owner) {
  const std::string filled = with_keys(text);
  return read_toml("wg0", {"wg0.toml", filled, readers}, {}, KeySources::none());
}

inline LoadResult read_conf(std::string_view text, Readers readers = Readers::owner) {
  const std::string filled = with_keys(text);
  return read_wg_quick("wg0", {"wg0.conf", filled, readers});
}

inline std::vector<std::string> messages(const std::vector<Finding>& findings) {
  std::vector<std::string> out;
  for (const Finding& finding : findings) out.push_back(finding.message());
  return out;
}

inline Loaded loaded(LoadResult result) {
  if (!result)
    for (const Finding& finding : result.error()) MESSAGE(finding.message());
  REQUIRE(result.has_value());
  return std::move(*result);
}

inline std::vector<std::string> errors(const LoadResult& result) {
  REQUIRE(!result.has_value());
  return messages(result.error());
}

}  // namespace culvert::config::test
