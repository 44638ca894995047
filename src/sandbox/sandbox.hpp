// SPDX-License-Identifier: MIT
// How the packet half shuts itself in, in two steps: before there are threads it gives up what is its own (user,
// groups, capabilities, names by Landlock), and once all threads are there, but nothing came from the network yet, the
// system calls. A layer that this kernel lacks is reported and done without; one that fails in another way ends it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <culvert/result.hpp>

#include "level.hpp"

namespace culvert::sandbox {

class Sandbox {
 public:
  /// The first step. Changes all of the process. Error: a sentence; the process should end.
  [[nodiscard]] static Result<Sandbox, std::string> enter();

  /// No code in here lets go of this descriptor, on which the process's life hangs. Before the second step.
  void hold_on_to(int lifeline) noexcept { lifeline_ = lifeline; }

  /// The second step. Error likewise.
  [[nodiscard]] Result<void, std::string> close();

  [[nodiscard]] const Level& level() const noexcept { return level_; }
  /// What could not be done though any kernel and root should allow it, each a sentence for the log.
  [[nodiscard]] const std::vector<std::string>& troubles() const noexcept { return troubles_; }
  /// What the machine's settings keep from being better, likewise.
  [[nodiscard]] const std::vector<std::string>& remarks() const noexcept { return remarks_; }

 private:
  Sandbox() = default;

  Level level_;
  std::optional<int> lifeline_;
  std::vector<std::string> troubles_, remarks_;
};

}  // namespace culvert::sandbox
