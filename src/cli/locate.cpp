// SPDX-License-Identifier: MIT
#include "locate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "failure.hpp"
#include "interface_name.hpp"
#include "load.hpp"
#include "suggest.hpp"
#include "values.hpp"

namespace culvert::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kWgQuickFolder = "/etc/wireguard";

bool is_path(const std::string& what) {
  return what.find('/') != std::string::npos || what.ends_with(".toml") || what.ends_with(".conf");
}

/// False where there is none; a folder that may not be looked into is a failure of its own.
bool is_there(const std::string& path) {
  std::error_code error;
  const bool there = fs::exists(path, error);
  if (error == std::errc::permission_denied)
    throw Failure(ExitCode::permission, fmt::format("{} may not be read; try again with sudo", path));
  return there;
}

[[noreturn]] void refuse_name(const std::string& name, const std::string& config_folder) {
  const std::string path = config_path(name, config_folder);
  const std::string old = fmt::format("{}/{}.conf", kWgQuickFolder, name);
  std::error_code error;
  if (fs::exists(old, error))
    throw Failure(ExitCode::failed, fmt::format("there is no {}, but there is {}; use that one with: culvert up {}, "
                                                "or take it over with: culvert import {}",
                                                path, old, old, old));
  const std::vector<std::string> known = configured_interfaces(config_folder);
  const std::vector<std::string_view> names(known.begin(), known.end());
  if (const std::string_view near = nearest(name, names); !near.empty())
    throw Failure(ExitCode::failed, fmt::format("there is no {}; did you mean {}?", path, near));
  throw Failure(ExitCode::failed,
                fmt::format("there is no {}; make one with: culvert init gateway {}, or: culvert init "
                            "client {}",
                            path, name, name));
}

}  // namespace

void require_interface_name(const std::string& name) {
  if (!io::is_interface_name(name))
    throw Failure(ExitCode::usage,
                  fmt::format("\"{}\" is no interface name: {}", config::excerpt(name), io::kInterfaceNameRule));
}

std::string config_path(const std::string& interface, const std::string& config_folder) {
  return config_folder + "/" + interface + ".toml";
}

std::string interface_named(const std::string& what) {
  if (!is_path(what)) {
    require_interface_name(what);
    return what;
  }
  auto interface = config::interface_of_path(what);
  if (!interface)
    throw Failure(ExitCode::usage,
                  fmt::format("\"{}\" must end in NAME.toml or NAME.conf, where NAME becomes the interface's: {}",
                              config::excerpt(what), io::kInterfaceNameRule));
  return std::move(*interface);
}

Located locate(const std::string& what, const std::string& config_folder) {
  std::string interface = interface_named(what);
  if (!is_path(what)) {
    std::string path = config_path(what, config_folder);
    if (!is_there(path)) refuse_name(what, config_folder);
    return {std::move(interface), std::move(path)};
  }
  if (!is_there(what)) throw Failure(ExitCode::failed, fmt::format("there is no {}", what));
  return {std::move(interface), fs::absolute(what).string()};
}

std::vector<std::string> configured_interfaces(const std::string& config_folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(config_folder, error), end; !error && entry != end; entry.increment(error))
    if (entry->path().extension() == ".toml" && io::is_interface_name(entry->path().stem().string()))
      names.push_back(entry->path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace culvert::cli
