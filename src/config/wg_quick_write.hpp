// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "config.hpp"
#include "secret_text.hpp"

namespace culvert::config {

using control::SecretText;

struct WgQuickText {
  SecretText text;
  std::vector<std::string> left_out;  // what wg-quick has no word for, one sentence each
};

/// For every client that takes wg-quick's files. Peers' names become comments; peers that are disabled are left out.
[[nodiscard]] WgQuickText to_wg_quick(const Config& config);

}  // namespace culvert::config
