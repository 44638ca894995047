// SPDX-License-Identifier: MIT
// Files that hold keys: for their owner alone from the first moment, whole or not there at all.
#pragma once

#include <string>
#include <string_view>

#include "secret_view.hpp"
#include "unique_fd.hpp"

namespace culvert::cli {

enum class Existing : std::uint8_t { keep, replace };

/// Writes a file of mode 0600 beside its place and moves it there, on the disk before it is seen. The folder is made if
/// its parent exists (0700). \throws Failure when there is one already (`Existing::keep`), and when it cannot be
/// written; then nothing has changed.
void write_private_file(const std::string& path, std::string_view text, Existing existing);

/// \throws Failure when there is such a file and it is to be kept.
void require_free(const std::string& path, Existing existing);

/// Keeps commands from changing a configuration at the same time: its main file is locked until the descriptor closes.
/// \returns an empty one where there is no such file yet. \throws Failure when it cannot be opened.
[[nodiscard]] io::UniqueFd lock_config(const std::string& path);

/// Removes a file. \throws Failure when it cannot be.
void remove_file(const std::string& path);

/// The text of a file of at most 16 MiB. \throws Failure.
[[nodiscard]] SecretText read_file(const std::string& path);

}  // namespace culvert::cli
