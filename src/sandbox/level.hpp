// SPDX-License-Identifier: MIT
// How far the packet half is shut in, as the status tells it.
#pragma once

#include <cstdint>
#include <string_view>

namespace culvert::sandbox {

struct Level {
  std::uint32_t user = 0;                  // that it runs as
  int landlock = 0;                        // version of the kernel's interface that was used; 0: none
  std::string_view system_calls = "open";  // "kill", "left out", "unavailable"; a text that lives for ever
  std::string_view memory = "unlocked";    // "locked"
};

}  // namespace culvert::sandbox
