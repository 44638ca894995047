// SPDX-License-Identifier: MIT
#include "failure.hpp"

#include <cerrno>

namespace culvert::cli {

ExitCode code_of_errno(int error) noexcept {
  return error == EACCES || error == EPERM ? ExitCode::permission : ExitCode::failed;
}

}  // namespace culvert::cli
