// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

namespace culvert::daemon {

/// What the service manager is told, where there is one that listens (NOTIFY_SOCKET); else nothing happens.
void notify_ready(const std::string& status);
void notify_reloading();
void notify_stopping();
/// That all is well, within the time that it waits for.
void notify_watchdog();

}  // namespace culvert::daemon
