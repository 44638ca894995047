// SPDX-License-Identifier: MIT
#pragma once

#include <stdexcept>

namespace culvert::daemon {

/// Why the set-up failed, as one line for people.
class SetupError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace culvert::daemon
