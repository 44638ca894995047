// SPDX-License-Identifier: MIT
#include "notify.hpp"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>
#include <time.h>

namespace culvert::daemon {

void notify_ready(const std::string& status) {
  (void)::sd_notify(0, fmt::format("READY=1\nSTATUS={}", status).c_str());
}

void notify_reloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  (void)::sd_notify(0,
                    fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1'000'000 + now.tv_nsec / 1000).c_str());
}

void notify_stopping() { (void)::sd_notify(0, "STOPPING=1"); }

void notify_watchdog() { (void)::sd_notify(0, "WATCHDOG=1"); }

}  // namespace culvert::daemon
