// SPDX-License-Identifier: MIT
// Three classes of calls:
//   allowed   what carries packets, serves clients, waits, allocates and ends; where a call can do more than that, with
//             the arguments that are needed
//   refused   what a library may try in the midst of life without need: it fails with EACCES, and life goes on
//             (the allocator looks at /proc/sys/vm when it gives memory back, standard streams ask for terminals)
//   all else  ends the process: nothing here ever calls it, so whoever does is not the program that was started
// The list was held against strace over the tests in namespaces. Allowed without a look at arguments are the calls of
// the packet path: the kernel answers those from a bitmap, without running the filter.
#include "system_calls.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <initializer_list>
#include <memory>
#include <span>
#include <system_error>

namespace culvert::sandbox {
namespace {

// Not in builds whose own runtime, a sanitizer's, makes system calls of which nothing here knows.
#ifdef CULVERT_FILTER_SYSTEM_CALLS
constexpr bool kFilters = true;
#else
constexpr bool kFilters = false;
#endif

constexpr auto kAllowed = std::to_array<const char*>({
    // descriptors that it was given
    "read",
    "readv",
    "write",
    "writev",
    "recvfrom",
    "recvmsg",
    "recvmmsg",
    "recvmmsg_time64",
    "sendmsg",
    "sendmmsg",
    "accept4",
    "close",
    "getsockname",
    "getpeername",
    "lseek",
    "fstat",
    // waiting
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_ctl",
    "poll",
    "ppoll",
    "ppoll_time64",
    "timerfd_settime",
    "timerfd_settime64",
    "timerfd_gettime",
    "timerfd_gettime64",
    "futex",
    "futex_time64",
    "sched_yield",
    "clock_nanosleep",
    "clock_nanosleep_time64",
    "nanosleep",
    "restart_syscall",
    "pause",
    // time, randomness, and itself
    "clock_gettime",
    "clock_gettime64",
    "clock_getres",
    "clock_getres_time64",
    "gettimeofday",
    "time",
    "getrandom",
    "getpid",
    "gettid",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "sched_getaffinity",
    "getcpu",
    "rseq",
    // memory; mapping and protecting are below
    "brk",
    "munmap",
    "madvise",
    // signals of its own, and the end
    "rt_sigprocmask",
    "rt_sigaction",
    "rt_sigreturn",
    "rt_sigtimedwait",
    "sigaltstack",
    "exit",
    "exit_group",
    "set_robust_list",
});

constexpr auto kRefused = std::to_array<const char*>({
    "open",      "openat",    "access",     "faccessat", "faccessat2", "readlink",   "readlinkat", "stat",    "stat64",
    "lstat",     "fstatat64", "newfstatat", "statx",     "statfs",     "getcwd",     "prctl",      "uname",   "sysinfo",
    "prlimit64", "getrlimit", "ugetrlimit", "dup",       "pipe2",      "membarrier", "mlock",      "munlock",
});

struct Option {
  int level, name;
};
// Of what is set on sockets after they came.
constexpr auto kSettable = std::to_array<Option>({
    {SOL_UDP, UDP_SEGMENT},
    {SOL_UDP, UDP_GRO},
    {IPPROTO_IP, IP_TOS},
    {IPPROTO_IP, IP_PKTINFO},
    {IPPROTO_IP, IP_RECVERR},
    {IPPROTO_IPV6, IPV6_TCLASS},
    {IPPROTO_IPV6, IPV6_RECVPKTINFO},
    {IPPROTO_IPV6, IPV6_RECVERR},
    {SOL_SOCKET, SO_RCVBUF},
    {SOL_SOCKET, SO_SNDBUF},
    {SOL_SOCKET, SO_LINGER},  // a stream socket that closes
});
constexpr auto kGettable = std::to_array<Option>({
    {SOL_SOCKET, SO_ERROR},
    {SOL_SOCKET, SO_PEERCRED},
    {SOL_SOCKET, SO_TYPE},
    {SOL_SOCKET, SO_RCVBUF},
    {SOL_SOCKET, SO_SNDBUF},
    {SOL_SOCKET, SO_MEMINFO},
    {SOL_SOCKET, SO_ACCEPTCONN},
    {SOL_SOCKET, SO_DOMAIN},
});
constexpr auto kDescriptorCommands = std::to_array<int>({F_GETFL, F_SETFL, F_GETFD, F_SETFD});
constexpr auto kDeviceCommands = std::to_array<unsigned long>({FIONBIO, FIONREAD});

class Rules {
 public:
  /// \param otherwise  what becomes of a call that no rule names.
  explicit Rules(std::uint32_t otherwise) : context_(::seccomp_init(otherwise), &::seccomp_release) {
    if (!context_) error_ = -ENOMEM;
  }

  void allow(const char* call, std::initializer_list<scmp_arg_cmp> arguments = {}) {
    add(SCMP_ACT_ALLOW, call, {arguments.begin(), arguments.size()});
  }
  void refuse(const char* call, std::initializer_list<scmp_arg_cmp> arguments = {}) {
    add(SCMP_ACT_ERRNO(EACCES), call, {arguments.begin(), arguments.size()});
  }

  void kill(const char* call, std::initializer_list<scmp_arg_cmp> arguments) {
    add(SCMP_ACT_KILL_PROCESS, call, {arguments.begin(), arguments.size()});
  }

  /// 0, or a negated errno.
  [[nodiscard]] int load() {
    if (error_ == 0) error_ = ::seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_TSYNC, 1);
    if (error_ == 0) error_ = ::seccomp_load(context_.get());
    return error_;
  }

 private:
  void add(std::uint32_t action, const char* call, std::span<const scmp_arg_cmp> arguments) {
    if (error_ != 0) return;
    const int number = ::seccomp_syscall_resolve_name(call);
    if (number < 0) return;  // not on this architecture
    error_ = ::seccomp_rule_add_array(context_.get(), action, number, static_cast<unsigned>(arguments.size()),
                                      arguments.data());
  }

  std::unique_ptr<void, void (*)(scmp_filter_ctx)> context_;
  int error_ = 0;
};

// Of a 64-bit argument that the kernel takes as an int only the low half counts.
constexpr scmp_datum_t kLow = 0xffffffff;
scmp_arg_cmp is(unsigned argument, std::uint64_t value) {
  return {.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = kLow, .datum_b = value & kLow};
}
scmp_arg_cmp is_all(unsigned argument, std::uint64_t value) {
  return {.arg = argument, .op = SCMP_CMP_EQ, .datum_a = value, .datum_b = 0};
}
scmp_arg_cmp lacks(unsigned argument, std::uint64_t bits) {
  return {.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = bits, .datum_b = 0};
}

void add_memory(Rules& rules) {
  for (const char* call : {"mmap", "mmap2"}) rules.allow(call, {lacks(2, PROT_EXEC)});
  rules.allow("mprotect", {lacks(2, PROT_EXEC)});
  // Grows an allocation, which was mapped by the rule before.
  rules.allow("mremap", {lacks(3, MREMAP_FIXED)});
}

void add_descriptors(Rules& rules) {
  for (const int command : kDescriptorCommands)
    for (const char* call : {"fcntl", "fcntl64"}) rules.allow(call, {is(1, static_cast<std::uint64_t>(command))});
  for (const unsigned long command : kDeviceCommands) rules.allow("ioctl", {is(1, command)});
  rules.refuse("ioctl", {is(1, TCGETS)});
  for (const Option& option : kSettable)
    rules.allow("setsockopt",
                {is(1, static_cast<std::uint64_t>(option.level)), is(2, static_cast<std::uint64_t>(option.name))});
  for (const Option& option : kGettable)
    rules.allow("getsockopt",
                {is(1, static_cast<std::uint64_t>(option.level)), is(2, static_cast<std::uint64_t>(option.name))});
  // To whom a socket is connected only; datagrams leave by sendmmsg.
  rules.allow("sendto", {is_all(4, 0)});
  // A listening socket is the same one in the packet half that comes after: it must go on receiving.
  rules.allow("shutdown", {is(1, SHUT_WR)});
}

/// Closing the lifeline, or not being told of its end any more, is death. Of two filters the stricter word counts; one
/// alone could only list the descriptors that may be closed.
int hold_on_to(int lifeline) {
  Rules rules(SCMP_ACT_ALLOW);
  const auto which = is(0, static_cast<std::uint64_t>(lifeline));
  rules.kill("close", {which});
  for (const char* call : {"fcntl", "fcntl64"}) rules.kill(call, {which, is(1, F_SETFL)});
  return rules.load();
}

int load_list() {
  Rules rules(SCMP_ACT_KILL_PROCESS);
  for (const char* call : kAllowed) rules.allow(call);
  for (const char* call : kRefused) rules.refuse(call);
  add_memory(rules);
  add_descriptors(rules);
  // Ending by abort() is a signal to one's own thread. A pid of another is another process.
  rules.allow("tgkill", {is(0, static_cast<std::uint64_t>(::getpid()))});
  return rules.load();
}

}  // namespace

Result<Filter, std::string> filter_system_calls(std::optional<int> lifeline) {
  if (!kFilters) return Filter::left_out;
  int error = lifeline ? hold_on_to(*lifeline) : 0;
  if (error == 0) error = load_list();
  // The three answers of kernels without filters, or without those for all threads.
  if (error == -ENOSYS || error == -EINVAL || error == -EOPNOTSUPP) return Filter::unavailable;
  if (error != 0) return Err{std::string("cannot filter system calls: ") + std::generic_category().message(-error)};
  return Filter::kill;
}

}  // namespace culvert::sandbox
