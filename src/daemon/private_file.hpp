// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <culvert/result.hpp>

#include "secret_text.hpp"

namespace culvert::daemon {

/// Replaces a file by one of mode 0600, whole or not at all, and on the disk before it is seen. The owner stays root or
/// us. Error: a sentence; nothing has changed.
[[nodiscard]] Result<void, std::string> write_private_file(const std::string& path, const control::SecretText& text);

}  // namespace culvert::daemon
