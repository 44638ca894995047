// SPDX-License-Identifier: MIT
// The pipe between the two processes carries one report: a zero octet for success, or the text of a failure. Nothing at
// all, because the background process ended, counts as a failure too; then its exit status is the text.
#include "daemonize.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

#include "arguments.hpp"
#include "packet_process.hpp"

namespace culvert::daemon {
namespace {

constexpr char kReady = '\0';

/// Both take EINTR as "go on"; false: the other side is gone.
bool write_all(int fd, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

std::string read_all(int fd) {
  std::string text;
  std::array<char, 1024> buffer;
  for (;;) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got > 0)
      text.append(buffer.data(), static_cast<std::size_t>(got));
    else if (got == 0 || errno != EINTR)
      return text;
  }
}

void complain(std::string_view text) noexcept {
  write_all(STDERR_FILENO, text);
  write_all(STDERR_FILENO, "\n");
}

void redirect_to_null(std::initializer_list<int> descriptors) noexcept {
  const io::UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (const int fd : descriptors)
    if (null) ::dup2(null.get(), fd);
}

void close_all_but(std::vector<int> kept) noexcept {
  std::sort(kept.begin(), kept.end());
  unsigned next = STDERR_FILENO + 1;
  for (const int fd : kept) {
    if (fd < 0 || static_cast<unsigned>(fd) < next) continue;
    if (static_cast<unsigned>(fd) > next) ::close_range(next, static_cast<unsigned>(fd) - 1, 0);
    next = static_cast<unsigned>(fd) + 1;
  }
  ::close_range(next, ~0U, 0);
}

int await_report(int pipe, pid_t child) {
  const std::string report = read_all(pipe);
  if (!report.empty() && report.front() == kReady) return kExitOk;
  if (!report.empty()) {
    complain(report);
    return kExitSetupFailed;
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  complain("culvertd: the background process did not get ready: " + describe_end(status));
  return kExitSetupFailed;
}

void enter_background(pid_t parent) noexcept {
  // Until the report, an interrupted start must not leave a daemon behind.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(kExitSetupFailed);  // it died before the line above
  ::setsid();
  if (::chdir("/") != 0) ::_exit(kExitSetupFailed);
  // Standard error stays for now: a crash before the report should be seen.
  redirect_to_null({STDIN_FILENO, STDOUT_FILENO});
}

}  // namespace

void StartReport::succeeded() noexcept {
  if (!pipe_) return;
  ::prctl(PR_SET_PDEATHSIG, 0);
  redirect_to_null({STDERR_FILENO});
  write_all(pipe_.get(), {&kReady, 1});
  pipe_.reset();
}

void StartReport::failed(std::string_view text) noexcept {
  if (!pipe_) return;
  ::prctl(PR_SET_PDEATHSIG, 0);  // the other process ends on this report, while here things are still being undone
  write_all(pipe_.get(), text.empty() ? "the start failed" : text);
  pipe_.reset();
}

Detached detach(std::span<const int> keep) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    complain(std::string("culvertd: pipe: ") + std::generic_category().message(errno));
    return {.exit_code = kExitSetupFailed, .report = {}};
  }
  io::UniqueFd reading(ends[0]);
  io::UniqueFd writing(ends[1]);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) {
    complain(std::string("culvertd: fork: ") + std::generic_category().message(errno));
    return {.exit_code = kExitSetupFailed, .report = {}};
  }
  if (child == 0) {
    static_cast<void>(reading.release());  // goes with all the others
    enter_background(parent);
    std::vector<int> kept(keep.begin(), keep.end());
    kept.push_back(writing.get());
    close_all_but(std::move(kept));
    return {.exit_code = std::nullopt, .report = StartReport(std::move(writing))};
  }
  writing.reset();
  return {.exit_code = await_report(reading.get(), child), .report = {}};
}

}  // namespace culvert::daemon
