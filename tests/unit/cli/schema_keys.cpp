// SPDX-License-Identifier: MIT
// Prints every key of the configuration as SECTION.KEY, for the test of the manual page.
#include <cstdio>
#include <string>

#include "schema.hpp"

int main() {
  using namespace culvert::config;
  for (const KeyInfo& info : schema_keys())
    std::printf("%s.%s\n", std::string(section_name(info.section)).c_str(), std::string(info.key).c_str());
  return 0;
}
