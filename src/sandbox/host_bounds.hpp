// SPDX-License-Identifier: MIT
// The host half keeps what it needs to set a host up, and gives up the rest.
#pragma once

#include <string>
#include <vector>

#include <culvert/result.hpp>

namespace culvert::sandbox {

/// Nobody attaches to this process or reads its memory, which holds keys of the configuration, and none of it gets into
/// a core file.
void hide_memory() noexcept;

/// For a host half that runs no commands of others, which may need anything: no privileges to be gained, the
/// capabilities for interfaces, firewall, files and the packet half alone, and none of the system calls that neither it
/// nor a program that it starts ever makes (tracing, modules, mounts, others' memory, the kernel's keys): they fail
/// with EPERM. For good, also for the programs that it starts. \returns what this process was not allowed to give up, a
/// sentence each.
[[nodiscard]] std::vector<std::string> bound_host_half();

}  // namespace culvert::sandbox
