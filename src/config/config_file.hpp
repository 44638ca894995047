// SPDX-License-Identifier: MIT
// How files that may hold keys are opened: never a device or a pipe, never more than a bound, and the checks are made
// on the open descriptor, so that nobody can swap the file between check and use. Any thread.
#pragma once

#include <string>

#include <culvert/result.hpp>

#include "secret_text.hpp"

namespace culvert::config {

using control::SecretText;

inline constexpr std::size_t kLargestConfigOctets = std::size_t{16} << 20;
inline constexpr std::size_t kLargestKeyFileOctets = 4096;

struct FileText {
  SecretText text;
  bool readable_by_others = false;  // group or other may read it: refused as soon as it holds a key
};

/// A configuration file. It may be a symbolic link (as NixOS and stow make them): the file it leads to counts.
/// \returns the text, or a sentence with what to do.
[[nodiscard]] Result<FileText, std::string> read_config_file(const std::string& path);

/// A file that holds one key: not a symbolic link, and only its owner can read it.
[[nodiscard]] Result<SecretText, std::string> read_key_file(const std::string& path);

/// A credential of systemd's, from `directory` ($CREDENTIALS_DIRECTORY; empty: not set). systemd keeps its own guard
/// over these files, by an access list that shows as group permission: only "other" must not read.
[[nodiscard]] Result<SecretText, std::string> read_credential(const std::string& directory, const std::string& name);

}  // namespace culvert::config
