// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "console.hpp"
#include "options.hpp"

namespace culvert::cli {

/// Writes NAME.toml in the folder of configurations from a wg-quick file.
void import_file(const ImportOptions& options, const std::string& config_folder, const Console& console);

/// Writes a configuration as a wg-quick file, keys included, to a file of mode 0600 or to standard output, and says
/// what wg-quick has no word for.
void export_file(const ExportOptions& options, const std::string& config_folder, const Console& console);

}  // namespace culvert::cli
