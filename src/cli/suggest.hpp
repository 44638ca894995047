// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string_view>

namespace culvert::cli {

/// The candidate that a person most likely meant, or empty when none is near: at most one slip (a letter wrong,
/// missing, too many, or two swapped) for each three letters, or the only candidate that begins with the word.
[[nodiscard]] std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

/// Slips between two words, as above [optimal string alignment].
[[nodiscard]] std::size_t slips(std::string_view a, std::string_view b);

}  // namespace culvert::cli
