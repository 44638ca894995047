// SPDX-License-Identifier: MIT
#pragma once

#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace culvert::cli {

/// A folder that goes away with its owner.
struct TemporaryFolder {
  TemporaryFolder() {
    char pattern[] = "/tmp/culvert-cli-XXXXXX";
    path = ::mkdtemp(pattern);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path); }

  [[nodiscard]] std::string at(const std::string& name) const { return path + "/" + name; }
  [[nodiscard]] std::string text(const std::string& name) const {
    std::ifstream file(at(name));
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(at(name)).parent_path());
    std::ofstream(at(name)) << text;
    ::chmod(at(name).c_str(), 0600);
  }
  [[nodiscard]] bool has(const std::string& name) const { return std::filesystem::exists(at(name)); }
  /// The permission bits of a file.
  [[nodiscard]] unsigned mode(const std::string& name) const {
    struct stat about {};
    return ::stat(at(name).c_str(), &about) == 0 ? about.st_mode & 07777U : 0;
  }
  /// Names in the folder, to see that nothing is left over.
  [[nodiscard]] std::size_t count() const {
    std::size_t n = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(path)) ++n;
    return n;
  }
  std::string path;
};

}  // namespace culvert::cli
