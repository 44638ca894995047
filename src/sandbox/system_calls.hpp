// SPDX-License-Identifier: MIT
// The filter of the packet half's system calls, down to their arguments.
#pragma once

#include <optional>
#include <string>

#include <culvert/result.hpp>

namespace culvert::sandbox {

enum class Filter {
  kill,         // a call that is not on the list ends the process, by SIGSYS
  left_out,     // this build has sanitizers or counts coverage, which need more than the list gives
  unavailable,  // the kernel takes no filter
};

/// Puts all threads of the process under the filter, for good; after "no new privileges" was set, and after all
/// threads were made. \param lifeline  a descriptor that is to stay open, and to signal its end (O_ASYNC), whatever
/// code runs here. Error: a sentence; the process should end.
[[nodiscard]] Result<Filter, std::string> filter_system_calls(std::optional<int> lifeline = std::nullopt);

}  // namespace culvert::sandbox
