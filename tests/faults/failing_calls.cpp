// SPDX-License-Identifier: MIT
// A library to be loaded before all others (LD_PRELOAD): it counts the calls of one function of the C library, and lets
// some of them fail without being made.
//
//   CULVERT_FAULT=sendmmsg:105:3:1    calls 3 to 3 of sendmmsg fail with errno 105
//   CULVERT_FAULT_BOOK=/path          16 octets, shared with who asks: calls made, calls failed
//
// Counts are for the process and its threads, and for those that it starts, which share the book. Everything is looked
// up when the library is loaded, so that a process which may open nothing any more goes on as it was.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace {

struct Book {
  std::atomic<std::uint64_t> made{0}, failed{0};
};

struct Plan {
  char name[32] = "";
  int error = 0;
  std::uint64_t first = 0, last = 0;
  Book* book = nullptr;
  Book own;
};

Plan plan;

[[gnu::constructor]] void read_plan() {
  plan.book = &plan.own;
  const char* text = std::getenv("CULVERT_FAULT");
  unsigned long first = 0, count = 0;
  if (text == nullptr || std::sscanf(text, "%31[a-z_0-9]:%d:%lu:%lu", plan.name, &plan.error, &first, &count) != 4)
    return;
  plan.first = first;
  plan.last = first + count - 1;
  const char* path = std::getenv("CULVERT_FAULT_BOOK");
  const int fd = path == nullptr ? -1 : ::open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void* page = ::mmap(nullptr, sizeof(Book), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  if (page != MAP_FAILED) plan.book = static_cast<Book*>(page);
}

/// Is this call to fail? Then errno says how.
bool fails(const char* name) {
  if (std::strcmp(name, plan.name) != 0) return false;
  const std::uint64_t number = plan.book->made.fetch_add(1, std::memory_order_relaxed) + 1;
  if (number < plan.first || number > plan.last) return false;
  plan.book->failed.fetch_add(1, std::memory_order_relaxed);
  errno = plan.error;
  return true;
}

template <class F>
F* next(const char* name) {
  return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

// Defines NAME, which fails with -1 or goes on to the true one.
#define CULVERT_CALL(result, name, parameters, arguments, attribute)                           \
  namespace {                                                                                  \
  result(*real_##name) parameters = nullptr;                                                   \
  [[gnu::constructor]] void look_up_##name() { real_##name = next<result parameters>(#name); } \
  }                                                                                            \
  extern "C" result name parameters attribute {                                                \
    if (real_##name == nullptr) look_up_##name();                                              \
    return fails(#name) ? -1 : real_##name arguments;                                          \
  }

CULVERT_CALL(int, socket, (int domain, int type, int protocol), (domain, type, protocol), noexcept)
CULVERT_CALL(int, socketpair, (int domain, int type, int protocol, int* fds), (domain, type, protocol, fds), noexcept)
CULVERT_CALL(int, bind, (int fd, const sockaddr* name, socklen_t octets), (fd, name, octets), noexcept)
CULVERT_CALL(int, listen, (int fd, int backlog), (fd, backlog), noexcept)
CULVERT_CALL(int, setsockopt, (int fd, int level, int option, const void* value, socklen_t octets),
             (fd, level, option, value, octets), noexcept)
CULVERT_CALL(int, getsockopt, (int fd, int level, int option, void* value, socklen_t* octets),
             (fd, level, option, value, octets), noexcept)
CULVERT_CALL(int, getsockname, (int fd, sockaddr* name, socklen_t* octets), (fd, name, octets), noexcept)
CULVERT_CALL(int, accept4, (int fd, sockaddr* name, socklen_t* octets, int flags), (fd, name, octets, flags), )
CULVERT_CALL(ssize_t, sendmsg, (int fd, const msghdr* message, int flags), (fd, message, flags), )
CULVERT_CALL(ssize_t, recvmsg, (int fd, msghdr* message, int flags), (fd, message, flags), )
CULVERT_CALL(int, sendmmsg, (int fd, mmsghdr* messages, unsigned count, int flags), (fd, messages, count, flags), )
CULVERT_CALL(int, recvmmsg, (int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout),
             (fd, messages, count, flags, timeout), )

namespace {

/// Pipes and eventfds carry signals and wakes within the process; a read or write of theirs that is due does not fail.
bool is_device_or_socket(int fd) {
  // Not by fstat, which in glibc is another call that a sandbox may end the process for.
  struct stat status {};
  return ::syscall(SYS_fstat, fd, &status) == 0 && (S_ISCHR(status.st_mode) || S_ISSOCK(status.st_mode));
}

}  // namespace

#define CULVERT_CALL_OUTSIDE(function, buffer_type)                                                       \
  namespace {                                                                                             \
  ssize_t (*real_##function)(int, buffer_type, size_t) = nullptr;                                         \
  [[gnu::constructor]] void look_up_##function() {                                                        \
    real_##function = next<ssize_t(int, buffer_type, size_t)>(#function);                                 \
  }                                                                                                       \
  }                                                                                                       \
  extern "C" ssize_t function(int fd, buffer_type buffer, size_t octets) {                                \
    if (real_##function == nullptr) look_up_##function();                                                 \
    if (std::strcmp(#function, plan.name) == 0 && is_device_or_socket(fd) && fails(#function)) return -1; \
    return real_##function(fd, buffer, octets);                                                           \
  }

CULVERT_CALL_OUTSIDE(read, void*)
CULVERT_CALL_OUTSIDE(write, const void*)
CULVERT_CALL(ssize_t, readv, (int fd, const iovec* parts, int count), (fd, parts, count), )
CULVERT_CALL(ssize_t, writev, (int fd, const iovec* parts, int count), (fd, parts, count), )
CULVERT_CALL(int, epoll_create1, (int flags), (flags), noexcept)
CULVERT_CALL(int, epoll_ctl, (int epoll, int operation, int fd, epoll_event* event), (epoll, operation, fd, event),
             noexcept)
CULVERT_CALL(int, epoll_wait, (int epoll, epoll_event* events, int count, int timeout),
             (epoll, events, count, timeout), )
CULVERT_CALL(int, eventfd, (unsigned value, int flags), (value, flags), noexcept)
CULVERT_CALL(int, timerfd_create, (clockid_t clock, int flags), (clock, flags), noexcept)
CULVERT_CALL(int, timerfd_settime, (int fd, int flags, const itimerspec* value, itimerspec* old),
             (fd, flags, value, old), noexcept)

extern "C" int ioctl(int fd, unsigned long request, ...) noexcept {
  using Ioctl = int(int, unsigned long, void*);
  static auto* const real = next<Ioctl>("ioctl");
  va_list arguments;
  va_start(arguments, request);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  // asio turns blocking off by FIONBIO, which cannot fail on what it has.
  return request != FIONBIO && fails("ioctl") ? -1 : real(fd, request, argument);
}

extern "C" int open64(const char* path, int flags, ...) {
  using Open = int(const char*, int, mode_t);
  static auto* const real = next<Open>("open64");
  va_list arguments;
  va_start(arguments, flags);
  const auto mode = va_arg(arguments, mode_t);
  va_end(arguments);
  return fails("open64") ? -1 : real(path, flags, mode);
}

// The C library's own name for it, since looking the next one up allocates.
extern "C" void* __libc_malloc(std::size_t octets) noexcept;
extern "C" void* malloc(std::size_t octets) noexcept { return fails("malloc") ? nullptr : __libc_malloc(octets); }
