// SPDX-License-Identifier: MIT
#include "sandbox.hpp"

#include "key_memory.hpp"
#include "landlock.hpp"
#include "privileges.hpp"
#include "system_calls.hpp"

namespace culvert::sandbox {
namespace {

std::string_view text_of(Filter filter) noexcept {
  switch (filter) {
    case Filter::kill:
      return "kill";
    case Filter::left_out:
      return "left out";
    case Filter::unavailable:
      return "unavailable";
  }
  return "unavailable";
}

// Sanitizers read /proc in the midst of life, and coverage is written to files at the end.
#ifdef CULVERT_FILTER_SYSTEM_CALLS
int usable_landlock() noexcept { return landlock_version(); }
#else
int usable_landlock() noexcept { return 0; }
#endif

}  // namespace

Result<Sandbox, std::string> Sandbox::enter() {
  Sandbox sandbox;
  prepare_memory();
  const auto privileges = drop_privileges(account_for_packets());
  if (!privileges) return Err{"cannot give up privileges: " + privileges.error()};
  sandbox.level_.user = privileges->user;
  if (!privileges->trouble.empty()) sandbox.troubles_.push_back("It keeps its user: " + privileges->trouble);

  std::string trouble;
  const Memory memory = lock_memory(trouble);
  sandbox.level_.memory = memory == Memory::locked ? "locked" : "unlocked";
  if (!trouble.empty()) sandbox.remarks_.push_back("Keys may reach the swap: " + trouble);

  const int version = usable_landlock();
  if (version < 1) return sandbox;  // usual, and seen in the status
  if (auto applied = apply_landlock(landlock_rights(version)); !applied) return Err{applied.error()};
  sandbox.level_.landlock = version;
  return sandbox;
}

Result<void, std::string> Sandbox::close() {
  const auto filter = filter_system_calls(lifeline_);
  if (!filter) return Err{filter.error()};
  level_.system_calls = text_of(*filter);
  if (*filter == Filter::unavailable) troubles_.emplace_back("Its system calls are not filtered: this kernel cannot");
  return {};
}

}  // namespace culvert::sandbox
