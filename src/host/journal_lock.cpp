// SPDX-License-Identifier: MIT
#include "journal_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <thread>

namespace culvert::host {
namespace {

constexpr std::chrono::milliseconds kAgain{5};

}  // namespace

Result<JournalLock, Failure> JournalLock::take(const std::string& folder, std::chrono::milliseconds patience) {
  const std::string path = folder + "/lock";
  io::UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (!file) return Err{system_failure(errno, "opening " + path)};
  const auto give_up = std::chrono::steady_clock::now() + patience;
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return Err{system_failure(errno, "locking " + path)};
    if (std::chrono::steady_clock::now() >= give_up)
      return Err{Failure{EWOULDBLOCK, "locking " + path, "another process has it and does not go on", ""}};
    std::this_thread::sleep_for(kAgain);
  }
  return JournalLock(std::move(file));
}

}  // namespace culvert::host
