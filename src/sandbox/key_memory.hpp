// SPDX-License-Identifier: MIT
// Memory that holds keys stays memory: it reaches neither a core file nor the swap.
#pragma once

#include <string>

namespace culvert::sandbox {

/// Forbids core files, and leaves all memory out of those that a privileged tool (gcore) makes all the same. While
/// /proc is this process's own: before it changes its user or shuts itself in. Programs that it starts inherit both.
void leave_no_core() noexcept;

/// Leaves no core, and asks for the right to lock as much memory as there is. While still privileged.
void prepare_memory() noexcept;

enum class Memory {
  locked,    // no page of this process is ever written to the swap
  unlocked,  // the swap may get to see pages
};

/// Locks all pages, those to come too, each when it is first used: no more memory is taken than without.
/// \param trouble  why it is unlocked.
[[nodiscard]] Memory lock_memory(std::string& trouble);

}  // namespace culvert::sandbox
