// SPDX-License-Identifier: MIT
// A TOML text made safe for the library that parses it: values of secret keys are taken out, so that no copy of theirs
// stays in the parser's memory or in its messages, and what would exhaust its stack is refused. A lexer of its own
// walks the text: strings of all four kinds, comments, bare words, punctuation. Lines and columns (in code points) stay
// the same. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config.hpp"
#include "secret_text.hpp"

namespace culvert::config {

using control::SecretText;

/// Keys whose values never reach the parser.
[[nodiscard]] bool is_secret_key(std::string_view key);

struct SafeText {
  std::string text;  // every character of a secret is '*'
  /// Line and column of the opening quote, and what stood between the quotes.
  std::map<std::pair<std::uint32_t, std::uint32_t>, SecretText> secrets;
  /// Why the text must not be parsed at all; or secrets without quotes, of which no other message may speak.
  std::vector<Finding> errors;
};

/// \param file  for the findings only.
[[nodiscard]] SafeText make_safe(std::string_view text, std::string_view file);

}  // namespace culvert::config
