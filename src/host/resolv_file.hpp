// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include <culvert/result.hpp>

#include "host_failure.hpp"
#include "journal.hpp"

namespace culvert::host {

/// Keeps the file as it is: content, mode and owner, or where it points to, or that there is none.
[[nodiscard]] Result<Before, Failure> look_at_resolv_file(const std::string& path);
/// Replaces it at once, never half; one that cannot be replaced, since it is mounted there, is written over.
[[nodiscard]] Result<void, Failure> set_resolv_file(const std::string& path, const std::string& interface,
                                                    const std::string& text);
/// Brings it back. What others have written meanwhile, another tunnel too, is newer than what was before, and stays.
[[nodiscard]] Result<void, Failure> restore_resolv_file(const std::string& path, const std::string& interface,
                                                        const Before& before);
/// What stands there was set for this interface, and neither for another nor by somebody else.
[[nodiscard]] bool is_resolv_file_of(const std::string& path, const std::string& interface);

/// The content that was kept, empty where none was.
[[nodiscard]] std::string text_before(const Before& before);

/// At most 1 MiB. nullopt: no such file, or not to be read.
[[nodiscard]] std::optional<std::string> read_text(const std::string& path);
/// Where a symbolic link points; empty: it is none.
[[nodiscard]] std::string read_link(const std::string& path);

}  // namespace culvert::host
