// SPDX-License-Identifier: MIT
// Texts to configurations and messages, for all tests of this folder.
#pragma once

#include <doctest/doctest.h>

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
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

/// A line each: what a failed check shows.
inline std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + '\n';
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

/// A folder for one test, with files of a mode.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "culvert-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }

  [[nodiscard]] std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string put(const std::string& name, std::string_view text, ::mode_t mode = 0600) const {
    const std::string path = *this / name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::filesystem::remove(path);  // it may be one that cannot be written to
    std::ofstream(path, std::ios::binary) << with_keys(text);
    if (::chmod(path.c_str(), mode) != 0) throw std::runtime_error("chmod");
    return path;
  }
  [[nodiscard]] std::string get(const std::string& name) const {
    std::ifstream in(*this / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  [[nodiscard]] bool has(const std::string& name) const { return std::filesystem::exists(path_ / name); }
  [[nodiscard]] std::size_t count(const std::string& name) const {
    const auto it = std::filesystem::directory_iterator(path_ / name);
    return static_cast<std::size_t>(std::distance(begin(it), end(it)));
  }
  /// Messages with the folder's own path cut off.
  [[nodiscard]] std::vector<std::string> local(std::vector<std::string> messages) const {
    for (std::string& message : messages)
      for (std::size_t at; (at = message.find(path_.string() + '/')) != std::string::npos;)
        message.erase(at, path_.string().size() + 1);
    return messages;
  }

 private:
  std::filesystem::path path_;
};

}  // namespace culvert::config::test
