// SPDX-License-Identifier: MIT
#pragma once

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include <nlohmann/json.hpp>

namespace culvert::test {

/// A file of the vectors' folder. Without that folder says so, and ends the program as a skipped test.
inline std::ifstream vectors_stream(const std::string& file) {
  const std::string path = std::string(CULVERT_VECTORS) + "/" + file;
  std::ifstream stream(path);
  if (!stream) {
    std::printf("skipped: there is no %s; name the folder with -Dvectors=\n", path.c_str());
    std::exit(77);
  }
  return stream;
}

inline nlohmann::json vectors(const std::string& file) { return nlohmann::json::parse(vectors_stream(file)); }

}  // namespace culvert::test
