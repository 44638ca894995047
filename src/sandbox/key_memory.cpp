// SPDX-License-Identifier: MIT
#include "key_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace culvert::sandbox {

void leave_no_core() noexcept {
  const rlimit none{.rlim_cur = 0, .rlim_max = 0};
  (void)::setrlimit(RLIMIT_CORE, &none);
  const int filter = ::open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);
  if (filter < 0) return;
  (void)!::write(filter, "0", 1);
  ::close(filter);
}

void prepare_memory() noexcept {
  leave_no_core();
  const rlimit all{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
  (void)::setrlimit(RLIMIT_MEMLOCK, &all);
}

Memory lock_memory(std::string& trouble) {
  rlimit limit{};
  // Under a limit each piece of address space would count against it, and one day an allocation would fail.
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY) {
    trouble = "the memory that may be locked is limited (LimitMEMLOCK=infinity lifts that)";
    return Memory::unlocked;
  }
  if (::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) {
    trouble = std::string("the memory cannot be locked: ") + std::generic_category().message(errno);
    return Memory::unlocked;
  }
  return Memory::locked;
}

}  // namespace culvert::sandbox
