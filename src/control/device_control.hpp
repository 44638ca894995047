// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include <culvert/result.hpp>

#include "set_request.hpp"
#include "snapshot.hpp"

namespace culvert::control {

/// Why a request was refused: an errno for the client (positive), a sentence for the log.
struct ControlError {
  int error = 0;
  std::string text;
};

/// The device as its control sockets see it. Called on the control thread only; neither call may block.
class DeviceControl {
 public:
  DeviceControl() = default;
  DeviceControl(const DeviceControl&) = delete;
  DeviceControl& operator=(const DeviceControl&) = delete;
  virtual ~DeviceControl() = default;

  /// Applies all of `request`; on an error nothing has changed. Must not throw.
  [[nodiscard]] virtual Result<void, ControlError> apply(SetRequest&& request) = 0;
  [[nodiscard]] virtual DeviceSnapshot snapshot() = 0;
};

}  // namespace culvert::control
