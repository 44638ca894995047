// SPDX-License-Identifier: MIT
// A library to be preloaded: the machine slept. The file SLEPT_FILE holds how many seconds it has slept so far, as 8
// octets in the machine's order, and may be changed at any time. The time of day and CLOCK_BOOTTIME are so much ahead;
// CLOCK_MONOTONIC, which stands while a machine sleeps, is not.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace {

const std::atomic<std::int64_t>* slept_seconds() {
  // Mapped when the process starts: later it may not be allowed to open anything.
  static const auto* const mapped = []() -> const std::atomic<std::int64_t>* {
    const char* const path = std::getenv("SLEPT_FILE");
    const int fd = path != nullptr ? ::open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return nullptr;
    void* const page = ::mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, fd, 0);
    ::close(fd);
    return page == MAP_FAILED ? nullptr : static_cast<const std::atomic<std::int64_t>*>(page);
  }();
  return mapped;
}

std::int64_t slept() { return slept_seconds() != nullptr ? slept_seconds()->load(std::memory_order_relaxed) : 0; }

[[gnu::constructor]] void map_now() { (void)slept_seconds(); }

// The timer of an absolute time that was set last, as it was wanted. The daemon has one, on CLOCK_BOOTTIME.
std::atomic<int> armed_fd{-1};
itimerspec armed{};
std::atomic<std::int64_t> armed_after{0};  // what had been slept by then

int arm(int fd, int flags, const itimerspec& wanted, itimerspec* before) noexcept {
  itimerspec mine = wanted;
  mine.it_value.tv_sec -= armed_after.load();
  if (mine.it_value.tv_sec < 0) mine.it_value = {.tv_sec = 0, .tv_nsec = 1};
  return static_cast<int>(::syscall(SYS_timerfd_settime, fd, flags, &mine, before));
}

/// The kernel lets a timer end at once whose time passed in a sleep. Here the first look at the clock does.
void note_sleep(std::int64_t now) noexcept {
  if (armed_after.exchange(now) == now) return;
  if (const int fd = armed_fd.load(); fd >= 0) (void)arm(fd, TFD_TIMER_ABSTIME, armed, nullptr);
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const long result = ::syscall(SYS_clock_gettime, clock, time);
  if (result != 0) return static_cast<int>(result);
  if (clock == CLOCK_REALTIME || clock == CLOCK_BOOTTIME) {
    const std::int64_t so_far = slept();
    note_sleep(so_far);
    time->tv_sec += so_far;
  }
  return static_cast<int>(result);
}

extern "C" int timerfd_settime(int fd, int flags, const itimerspec* wanted, itimerspec* before) noexcept {
  // asio's own are absolute only to fire at once.
  if ((flags & TFD_TIMER_ABSTIME) == 0 || (wanted->it_value.tv_sec == 0 && wanted->it_value.tv_nsec != 0))
    return static_cast<int>(::syscall(SYS_timerfd_settime, fd, flags, wanted, before));
  if (wanted->it_value.tv_sec == 0 && wanted->it_value.tv_nsec == 0) {
    armed_fd.store(-1);
    return static_cast<int>(::syscall(SYS_timerfd_settime, fd, flags, wanted, before));
  }
  armed = *wanted;
  armed_fd.store(fd);
  note_sleep(slept());
  return arm(fd, flags, armed, before);
}
