// SPDX-License-Identifier: MIT
// Between fork and exec the child makes system calls only: other threads may have held any lock.
#include "packet_process.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <system_error>
#include <thread>

#include "half_channel.hpp"

namespace culvert::daemon {
namespace {

constexpr const char* kOwnExecutable = "/proc/self/exe";
constexpr int kFirstSpare = 16;  // above all descriptors that the packet half finds
constexpr int kExecFailed = 127;
constexpr auto kPause = std::chrono::milliseconds(5);
constexpr auto kKilled = std::chrono::seconds(5);  // for the kernel to carry it out, on the busiest machine

struct Ends {
  int null, log, news, requests;
};

/// Moves the ends to their places, whatever places they come from.
bool place(const Ends& ends) noexcept {
  const std::array<int, 5> wanted{STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, kNewsDescriptor, kRequestsDescriptor};
  const std::array<int, 5> given{ends.null, ends.null, ends.log, ends.news, ends.requests};
  std::array<int, 5> spare{};
  for (std::size_t i = 0; i < given.size(); ++i)
    if ((spare[i] = ::fcntl(given[i], F_DUPFD, kFirstSpare)) < 0) return false;
  for (std::size_t i = 0; i < given.size(); ++i)
    if (::dup2(spare[i], wanted[i]) < 0) return false;
  return ::close_range(kRequestsDescriptor + 1, ~0U, 0) == 0;
}

[[noreturn]] void become_packet_half(const Ends& ends, const char* interface, const sigset_t& mask) noexcept {
  // A signal from a terminal or a service manager goes to both halves: the host half decides for both.
  for (const int ignored : {SIGINT, SIGTERM, SIGHUP}) ::signal(ignored, SIG_IGN);
  ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  if (place(ends)) {
    std::array<char*, 4> words{const_cast<char*>("culvertd"), const_cast<char*>(kPacketHalfArgument),
                               const_cast<char*>(interface), nullptr};
    ::execv(kOwnExecutable, words.data());
  }
  ::_exit(kExecFailed);
}

/// The log's other end closes with the process that has it.
bool is_gone(int log, std::chrono::milliseconds limit) noexcept {
  const auto give_up = std::chrono::steady_clock::now() + limit;
  for (;;) {
    pollfd ended{.fd = log, .events = 0, .revents = 0};
    if (::poll(&ended, 1, 0) > 0) return true;
    if (std::chrono::steady_clock::now() >= give_up) return false;
    std::this_thread::sleep_for(kPause);
  }
}

Err<std::string> failed(std::string_view what) {
  return Err{"cannot start the packet half: " + std::string(what) + ": " + std::generic_category().message(errno)};
}

}  // namespace

std::string describe_end(int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    const std::string_view meaning = signal == SIGSYS ? ": a system call that it must not make" : "";
    return "it was ended by signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")" + std::string(meaning);
  }
  return "it ended with exit code " + std::to_string(WEXITSTATUS(status));
}

Result<PacketProcess, std::string> PacketProcess::start(const std::string& interface) {
  auto news = make_half_pair();
  auto requests = make_half_pair();
  if (!news || !requests) return failed("socketpair");
  std::array<int, 2> pipe{};
  // Neither side waits for the other: a log that is not read loses lines, not packets.
  if (::pipe2(pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0) return failed("pipe");
  io::UniqueFd log(pipe[0]);
  const io::UniqueFd their_log(pipe[1]);
  const io::UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return failed("open /dev/null");
  if (::access(kOwnExecutable, X_OK) != 0) return failed(std::string(kOwnExecutable) + " (is /proc mounted?)");

  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t child = ::fork();
  const int error = errno;
  if (child == 0)
    become_packet_half({null.get(), their_log.get(), news->theirs.get(), requests->theirs.get()}, interface.c_str(),
                       before);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = error;
  if (child < 0) return failed("fork");
  return PacketProcess(child, std::move(news->mine), std::move(requests->mine), std::move(log));
}

Result<PacketProcess, std::string> PacketProcess::call(const std::string& socket) {
  auto ends = call_packet_service(socket);
  if (!ends) return Err{ends.error()};
  PacketProcess process(-1, std::move(ends->news), std::move(ends->requests), std::move(ends->log));
  process.life_ = std::move(ends->life);
  return process;
}

PacketProcess::~PacketProcess() { end(std::chrono::milliseconds(0)); }

std::string PacketProcess::end(std::chrono::milliseconds limit) {
  news_.reset();
  requests_.reset();
  if (pid_.value > 0) return end_child(limit);
  if (life_) return end_service(limit);
  return "it has ended before";
}

std::string PacketProcess::end_child(std::chrono::milliseconds limit) {
  const auto give_up = std::chrono::steady_clock::now() + limit;
  int status = 0;
  pid_t found = 0;
  while ((found = ::waitpid(pid_.value, &status, WNOHANG)) == 0 && std::chrono::steady_clock::now() < give_up)
    std::this_thread::sleep_for(kPause);
  if (found == 0) {
    ::kill(pid_.value, SIGKILL);
    while ((found = ::waitpid(pid_.value, &status, 0)) < 0 && errno == EINTR) {
    }
  }
  pid_.value = -1;
  return found < 0 ? "how it ended is unknown" : describe_end(status);
}

std::string PacketProcess::end_service(std::chrono::milliseconds limit) {
  const bool by_itself = is_gone(log_.get(), limit);
  life_.reset();
  if (!by_itself && !is_gone(log_.get(), kKilled)) return "it does not end";
  return by_itself ? "how it ended stands in the journal of its unit, culvert-packets@" : "it was killed";
}

}  // namespace culvert::daemon
