// SPDX-License-Identifier: MIT
#include "host_bounds.hpp"

#include <cap-ng.h>
#include <seccomp.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <system_error>

#include "key_memory.hpp"

namespace culvert::sandbox {
namespace {

// Interfaces, firewall and marks; low ports; its files, and configurations that belong to others; the packet half's
// other user, its locked memory and its end.
constexpr std::array<unsigned, 11> kKept = {
    CAP_NET_ADMIN, CAP_NET_RAW,  CAP_NET_BIND_SERVICE, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_SETUID, CAP_SETGID,
    CAP_SETPCAP,   CAP_IPC_LOCK, CAP_SYS_RESOURCE,     CAP_KILL};

constexpr std::array kRefused = {"ptrace",          "process_vm_readv", "process_vm_writev",
                                 "kexec_load",      "kexec_file_load",  "init_module",
                                 "finit_module",    "delete_module",    "mount",
                                 "umount2",         "pivot_root",       "move_mount",
                                 "open_tree",       "fsopen",           "fsmount",
                                 "fsconfig",        "chroot",           "swapon",
                                 "swapoff",         "reboot",           "bpf",
                                 "perf_event_open", "userfaultfd",      "keyctl",
                                 "add_key",         "request_key",      "iopl",
                                 "ioperm",          "settimeofday",     "clock_settime",
                                 "clock_adjtime",   "adjtimex",         "acct",
                                 "quotactl",        "lookup_dcookie",   "open_by_handle_at",
                                 "setns",           "unshare",          "sethostname",
                                 "setdomainname",   "syslog",           "vhangup"};

/// Of the capabilities that the process has in `set`, one that it does not need.
bool has_more_than_kept(capng_type_t set) noexcept {
  for (unsigned one = 0; one <= CAP_LAST_CAP; ++one)
    if (std::find(kKept.begin(), kKept.end(), one) == kKept.end() && capng_have_capability(set, one) != 0) return true;
  return false;
}

bool keep_capabilities() noexcept {
  if (capng_get_caps_process() != 0) return false;
  std::array<bool, kKept.size()> held{};
  for (std::size_t i = 0; i < kKept.size(); ++i) held[i] = capng_have_capability(CAPNG_PERMITTED, kKept[i]) != 0;
  const bool may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) != 0;
  // A unit may have left less, and then not the system call for it either.
  if (!has_more_than_kept(CAPNG_PERMITTED) && !(may_bound && has_more_than_kept(CAPNG_BOUNDING_SET))) return true;
  capng_clear(CAPNG_SELECT_BOTH);
  constexpr auto kSets = static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET);
  for (std::size_t i = 0; i < kKept.size(); ++i)
    if (held[i] && capng_update(CAPNG_ADD, kSets, kKept[i]) != 0) return false;
  return capng_apply(may_bound ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) == 0;
}

struct Release {
  void operator()(void* filter) const noexcept { seccomp_release(filter); }
};

/// 0, or an errno negated.
int refuse_calls() noexcept {
  const std::unique_ptr<void, Release> filter(seccomp_init(SCMP_ACT_ALLOW));
  if (!filter) return -ENOMEM;
  for (const char* name : kRefused) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) continue;  // not of this architecture
    const int added = seccomp_rule_add_array(filter.get(), SCMP_ACT_ERRNO(EPERM), number, 0, nullptr);
    if (added != 0 && added != -EDOM) return added;
  }
  return seccomp_load(filter.get());
}

}  // namespace

void hide_memory() noexcept {
  leave_no_core();
  ::prctl(PR_SET_DUMPABLE, 0);
}

std::vector<std::string> bound_host_half() {
  std::vector<std::string> notes;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) notes.emplace_back("it may gain privileges");
  if (!keep_capabilities()) notes.emplace_back("it keeps capabilities that it does not need");
#ifdef CULVERT_FILTER_SYSTEM_CALLS
  if (const int error = refuse_calls(); error != 0)
    notes.emplace_back(std::string("its system calls are not filtered: ") + std::generic_category().message(-error));
#else
  (void)&refuse_calls;
#endif
  return notes;
}

}  // namespace culvert::sandbox
