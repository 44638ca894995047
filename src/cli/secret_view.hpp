// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "secret_text.hpp"

namespace culvert::cli {

using control::SecretText;

/// borrowed: until the text changes or dies.
[[nodiscard]] inline std::string_view view_of(const SecretText& text) noexcept { return {text.data(), text.size()}; }

}  // namespace culvert::cli
