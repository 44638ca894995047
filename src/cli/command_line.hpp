// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "options.hpp"

namespace culvert::cli {

/// Reads the words of a command line; nothing else is looked at, but for CULVERT_CONFIG_DIR.
/// \param arguments  without the program's name.
/// \throws Failure `usage` with a sentence that says what was wrong and what may have been meant.
[[nodiscard]] CommandLine parse_command_line(std::span<const char* const> arguments);

/// All verbs, for suggestions and for the test of the completions.
[[nodiscard]] std::span<const std::string_view> verbs() noexcept;

}  // namespace culvert::cli
