// SPDX-License-Identifier: MIT
// A library to be preloaded: the time of day is SHIFTED_CLOCK seconds from the true one. Other clocks are untouched.
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const long result = ::syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && clock == CLOCK_REALTIME) {
    const char* by = std::getenv("SHIFTED_CLOCK");
    time->tv_sec += by != nullptr ? std::atol(by) : 0;
  }
  return static_cast<int>(result);
}
