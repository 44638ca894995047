// SPDX-License-Identifier: MIT
#include "toml_text.hpp"

#include <algorithm>

#include "values.hpp"

namespace culvert::config {
namespace {

// The library makes a table for each part of a dotted key, and destroys tables by recursion: a key of 100,000 parts
// ends the process. Nested values it limits itself (256).
constexpr std::size_t kMostParts = 8;

bool is_bare(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

class Lexer {
 public:
  Lexer(std::string_view text, std::string_view file) : file_(file) { out_.text = text; }

  SafeText run() {
    while (at_ < out_.text.size()) step();
    return std::move(out_);
  }

 private:
  [[nodiscard]] bool looking_at(std::string_view what) const {
    return std::string_view(out_.text).substr(at_).starts_with(what);
  }

  void advance(std::size_t octets) {
    for (; octets > 0 && at_ < out_.text.size(); --octets, ++at_) {
      const char c = out_.text[at_];
      if (c == '\n') {
        ++line_;
        column_ = 1;
      } else if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) {
        ++column_;
      }
    }
  }

  void step() {
    const char c = out_.text[at_];
    if (c == '"' || c == '\'') return take_string(c);
    if (is_bare(c) || (awaits_secret_ && std::string_view(" \t\r\n[#").find(c) == std::string_view::npos))
      return take_bare();
    if (c == '#') return advance(std::min(out_.text.find('\n', at_), out_.text.size()) - at_);
    if (c == '=') {
      awaits_secret_ = is_secret_key(word_);
    } else if (c == '.') {
      if (++dots_ == kMostParts) refuse("a key of more than 8 parts; no key here has more than 2");
    } else if (c != ' ' && c != '\t' && c != '[') {
      awaits_secret_ = false;
    }
    if (c != '.' && c != ' ' && c != '\t') dots_ = 0;
    advance(1);
  }

  void refuse(std::string reason) {
    Finding& finding = out_.errors.emplace_back();
    finding.place = {std::string(file_), line_, column_};
    finding.reason = std::move(reason);
  }

  void take_bare() {
    const std::size_t begin = at_;
    if (awaits_secret_) {
      refuse("a key stands in quotes: " + printable_key(word_) + " = \"...\"");
      out_.errors.back().key = printable_key(word_);
      const std::size_t end = std::min(out_.text.find_first_of("\r\n#", at_), out_.text.size());
      std::fill(out_.text.begin() + offset(begin), out_.text.begin() + offset(end), '*');
      awaits_secret_ = false;
      return advance(end - begin);
    }
    std::size_t end = at_;
    while (end < out_.text.size() && is_bare(out_.text[end])) ++end;
    word_ = out_.text.substr(begin, std::min(end - begin, kLongestWord));
    advance(end - begin);
  }

  void take_string(char quote) {
    const std::string three(3, quote);
    const bool long_form = looking_at(three);
    const std::size_t quotes = long_form ? 3 : 1;
    const std::pair<std::uint32_t, std::uint32_t> place(line_, column_);
    const std::size_t begin = at_ + quotes;
    std::size_t end = begin;
    while (end < out_.text.size()) {
      if (quote == '"' && out_.text[end] == '\\') {
        end += 2;
        continue;
      }
      if (!long_form && out_.text[end] == '\n') break;  // an unclosed string, which the parser will tell
      if (long_form ? std::string_view(out_.text).substr(end).starts_with(three) : out_.text[end] == quote) break;
      ++end;
    }
    end = std::min(end, out_.text.size());
    if (awaits_secret_) {
      hide(place, begin, end);
      word_.clear();
    } else {
      word_ = out_.text.substr(begin, std::min(end - begin, kLongestWord));
    }
    awaits_secret_ = false;
    const bool closed = end < out_.text.size() && out_.text[end] == quote;
    advance(end + (closed ? quotes : 0) - at_);
  }

  void hide(std::pair<std::uint32_t, std::uint32_t> place, std::size_t begin, std::size_t end) {
    const auto first = out_.text.begin() + offset(begin);
    const auto last = out_.text.begin() + offset(end);
    out_.secrets[place] = SecretText(first, last);
    std::replace_if(
        first, last, [](char c) { return c != '\r' && c != '\n'; }, '*');
  }

  static std::ptrdiff_t offset(std::size_t at) noexcept { return static_cast<std::ptrdiff_t>(at); }

  static constexpr std::size_t kLongestWord = 64;

  std::string_view file_;
  SafeText out_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1, column_ = 1;
  std::string word_;            // the last bare word or string: a key, when '=' follows
  bool awaits_secret_ = false;  // a secret key and '=' came
  std::size_t dots_ = 0;        // in a row, with words between
};

}  // namespace

bool is_secret_key(std::string_view key) {
  // Wider than our own keys: a misspelt one, or wg-quick's in any case, holds a secret as well.
  std::string word(key);
  for (char& c : word)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  if (word.ends_with("_file") || word.ends_with("_credential")) return false;
  constexpr std::string_view kParts[] = {"priv", "shared", "psk", "secret"};
  return std::any_of(std::begin(kParts), std::end(kParts),
                     [&](std::string_view part) { return word.find(part) != std::string::npos; });
}

SafeText make_safe(std::string_view text, std::string_view file) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    SafeText refused;
    Finding& finding = refused.errors.emplace_back();
    finding.place = {std::string(file), 1, 1};
    finding.reason = "this is UTF-16; save the file as UTF-8";
    return refused;
  }
  return Lexer(text, file).run();
}

}  // namespace culvert::config
