// SPDX-License-Identifier: MIT
#include "sandbox.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <string_view>

#include "in_child.hpp"
#include "landlock.hpp"

namespace culvert {
namespace {

using sandbox::end_of_child;
using sandbox::Sandbox;

#ifdef CULVERT_FILTER_SYSTEM_CALLS
constexpr std::string_view kFiltered = "kill";
int landlock_here() { return sandbox::landlock_version(); }
#else
constexpr std::string_view kFiltered = "left out";
int landlock_here() { return 0; }
#endif

int level_is_told() {
  const int version = landlock_here();
  auto entered = Sandbox::enter();
  if (!entered) return 1;
  if (entered->level().user != ::geteuid() || entered->level().landlock != version) return 2;
  if (entered->level().system_calls != "open") return 3;
  if (!entered->close()) return 4;
  if (entered->level().system_calls != kFiltered) return 5;
  const bool locked = entered->level().memory == "locked";
  return locked == entered->remarks().empty() ? 0 : 6;
}

int file_can_be_opened() {
  auto entered = Sandbox::enter();
  if (!entered || !entered->close()) return 99;
  return ::open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 ? 0 : 1;
}

TEST_CASE("the level says which user it is, which Landlock holds, and whether calls are filtered") {
  CHECK(end_of_child(level_is_told) == "exit 0");
}

TEST_CASE("whoever entered opens no file any more, but for sanitizers") {
  CHECK(end_of_child(file_can_be_opened) == (kFiltered == "kill" ? "exit 0" : "exit 1"));
}

}  // namespace
}  // namespace culvert
