// SPDX-License-Identifier: MIT
#include "journal_lock.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <thread>

#include "host_support.hpp"

using namespace culvert;
using namespace culvert::host;
using namespace std::chrono_literals;

TEST_CASE("one has the lock at a time; whoever waits gets it when it is let go, and gives up when it is not") {
  const TempFolder folder;
  auto first = JournalLock::take(folder.file(""), 0ms);
  REQUIRE(first);
  const auto refused = JournalLock::take(folder.file(""), 20ms);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == EWOULDBLOCK);
  std::optional<JournalLock> held(std::move(*first));
  std::thread holder([&] {
    std::this_thread::sleep_for(30ms);
    held.reset();
  });
  CHECK(JournalLock::take(folder.file(""), 30s));
  holder.join();
  CHECK(JournalLock::take(folder.file(""), 0ms));
}

TEST_CASE("the lock of a process that dies is free") {
  const TempFolder folder;
  int told[2];
  REQUIRE(::pipe(told) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto taken = JournalLock::take(folder.file(""), 0ms);
    const char word = taken ? 'y' : 'n';
    if (::write(told[1], &word, 1) == 1)
      for (;;) ::pause();
    ::_exit(1);
  }
  char word = 0;
  CHECK(::read(told[0], &word, 1) == 1);
  CHECK(word == 'y');
  CHECK_FALSE(JournalLock::take(folder.file(""), 0ms));
  REQUIRE(::kill(child, SIGKILL) == 0);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  CHECK(JournalLock::take(folder.file(""), 0ms));
  ::close(told[0]);
  ::close(told[1]);
}

TEST_CASE("its file is its owner's alone, and no link leads it elsewhere") {
  const TempFolder folder;
  REQUIRE(JournalLock::take(folder.file(""), 0ms));
  struct stat status {};
  REQUIRE(::stat(folder.file("lock").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0600);
  std::filesystem::remove(folder.file("lock"));
  std::filesystem::create_symlink(folder.file("elsewhere"), folder.file("lock"));
  CHECK_FALSE(JournalLock::take(folder.file(""), 0ms));
  CHECK_FALSE(std::filesystem::exists(folder.file("elsewhere")));
  const auto nowhere = JournalLock::take("/proc/no/such", 0ms);
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().code == ENOENT);
}
