// SPDX-License-Identifier: MIT
#include "system_error.hpp"

#include <system_error>

namespace culvert::io {

std::string SystemError::message() const {
  return code == 0 ? what : what + ": " + std::generic_category().message(code);
}

}  // namespace culvert::io
