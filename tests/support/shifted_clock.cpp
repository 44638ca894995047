// SPDX-License-Identifier: MIT
// A library to be preloaded. SHIFTED_CLOCK: the time of day is so many seconds from the true one. FAST_CLOCK: the clock
// by which sessions age, CLOCK_BOOTTIME, and timers on it run so many times as fast. Other clocks are untouched.
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>

namespace {

constexpr long long kSecond = 1'000'000'000;

long number(const char* name, long usual) {
  const char* const text = std::getenv(name);
  return text != nullptr ? std::atol(text) : usual;
}

long speed() {
  static const long value = number("FAST_CLOCK", 1);
  return value;
}

timespec scaled(const timespec& time, long by, long through) {
  const long long ns = (time.tv_sec * kSecond + time.tv_nsec) / through * by;
  return {static_cast<time_t>(ns / kSecond), static_cast<long>(ns % kSecond)};
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const long result = ::syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && clock == CLOCK_REALTIME) time->tv_sec += number("SHIFTED_CLOCK", 0);
  if (result == 0 && clock == CLOCK_BOOTTIME) *time = scaled(*time, speed(), 1);
  return static_cast<int>(result);
}

// As libc has it, it would ask the kernel's page and not the function above.
extern "C" time_t time(time_t* seconds) noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  if (seconds != nullptr) *seconds = now.tv_sec;
  return now.tv_sec;
}

// The daemon's absolute timers are on CLOCK_BOOTTIME; asio's is absolute only to fire at once. A nanosecond more, so
// that a time to come does not become 0, which means never.
extern "C" int timerfd_settime(int fd, int flags, const itimerspec* wanted, itimerspec* before) noexcept {
  itimerspec real = *wanted;
  if ((flags & TFD_TIMER_ABSTIME) != 0 && speed() != 1) {
    real.it_value = scaled(real.it_value, 1, speed());
    real.it_value.tv_nsec += real.it_value.tv_nsec < kSecond - 1 ? 1 : 0;
  }
  return static_cast<int>(::syscall(SYS_timerfd_settime, fd, flags, &real, before));
}
