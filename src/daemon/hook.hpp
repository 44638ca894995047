// SPDX-License-Identifier: MIT
// Commands of wg-quick files (PreUp and the like), run by the host half as a child with an environment of its own.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>

#include <culvert/result.hpp>

namespace culvert::daemon {

/// Each "%i" of the command is the interface's name.
[[nodiscard]] std::string with_interface(std::string_view command, std::string_view interface);

/// Runs the command by bash, or by sh where there is no bash, in "/", and waits for its end by calling `pump` again and
/// again, which is to let others work for a moment and says whether to go on waiting. Standard error is ours, standard
/// input is empty.
/// Error: one sentence. A hook that is waited for no longer is killed.
[[nodiscard]] Result<void, std::string> run_hook(const std::string& command, const std::function<bool()>& pump);

/// Starts a program, by its path and without a shell, and waits for nothing. \param input  its standard input;
/// borrowed: for the call. Error: one sentence.
[[nodiscard]] Result<pid_t, std::string> start_program(const std::string& program, int input);

}  // namespace culvert::daemon
