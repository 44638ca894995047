// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace culvert::cli {

/// Where the configuration of an interface is.
struct Located {
  std::string interface;
  std::string path;  // of the file, which exists
};

/// \param what           NAME, or a path that ends in NAME.toml or NAME.conf
/// \param config_folder  where NAME.toml is looked for
/// \throws Failure when there is no such file, with where it was looked for and what is there instead.
[[nodiscard]] Located locate(const std::string& what, const std::string& config_folder);

/// The interface that is meant by NAME, or by the path of its file, which need not exist.
/// \throws Failure `usage` when a link cannot have such a name.
[[nodiscard]] std::string interface_named(const std::string& what);

/// \throws Failure `usage` when a link cannot have this name.
void require_interface_name(const std::string& name);

/// "/etc/culvert/wg0.toml".
[[nodiscard]] std::string config_path(const std::string& interface, const std::string& config_folder);

/// The interfaces that have a file in the folder, sorted; none when it cannot be read.
[[nodiscard]] std::vector<std::string> configured_interfaces(const std::string& config_folder);

}  // namespace culvert::cli
