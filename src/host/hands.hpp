// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <culvert/result.hpp>

#include "host_failure.hpp"
#include "journal.hpp"
#include "plan.hpp"

namespace culvert::host {

/// What can be done to a host, one step at a time: the seam between the order of things (apply.hpp) and the kernel.
/// Every call is safe to repeat, since after a crash nobody knows how far the last one came.
class Hands {
 public:
  virtual ~Hands() = default;

  /// What must be known to undo the step later. Changes nothing.
  [[nodiscard]] virtual Result<Before, Failure> look(const std::string& interface, const Step& step) = 0;
  /// Makes the step, or makes sure of it.
  [[nodiscard]] virtual Result<void, Failure> make(const std::string& interface, const Step& step,
                                                   const Before& before) = 0;
  /// Brings back what was before. What was never made, or what is gone with the interface, is no failure.
  [[nodiscard]] virtual Result<void, Failure> undo(const std::string& interface, const Step& step,
                                                   const Before& before) = 0;
};

}  // namespace culvert::host
