// SPDX-License-Identifier: MIT
#include "screen.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <string>

#include "failure.hpp"

namespace culvert::cli {
namespace {

constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP, SIGQUIT};

// A handler may do little: it writes an octet to a pipe that `wait` listens to.
std::array<int, 2> signal_pipe{-1, -1};
std::array<struct sigaction, kSignals.size()> handlers_before;

void on_signal(int) {
  const int error = errno;
  [[maybe_unused]] const ssize_t n = ::write(signal_pipe[1], "!", 1);
  errno = error;
}

}  // namespace

Screen::Screen(const Console& console) : console_(console), input_(console.input) {
  if (console.output != Console::Kind::terminal)
    throw Failure(ExitCode::usage, "--watch needs a terminal; for a program there is --json");
  if (::pipe2(signal_pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0)
    throw Failure(ExitCode::failed, "no pipe can be made: too many files are open");
  struct sigaction action {};
  action.sa_handler = on_signal;
  for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &action, &handlers_before[i]);
  if (input_ == Console::Kind::terminal && ::tcgetattr(STDIN_FILENO, &before_) == 0) {
    termios keys = before_;
    keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &keys);
  } else {
    input_ = Console::Kind::other;
  }
  console_.out("\x1b[?1049h\x1b[?25l");  // the alternate screen, without a cursor
}

Screen::~Screen() {
  console_.out("\x1b[?25h\x1b[?1049l");
  if (input_ == Console::Kind::terminal) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &handlers_before[i], nullptr);
  for (int& fd : signal_pipe) {
    ::close(fd);
    fd = -1;
  }
}

void Screen::draw(std::string_view text) {
  // From the top, each line cleared to its end and then all below: nothing flickers.
  std::string screen = "\x1b[H";
  for (const char c : text) screen += c == '\n' ? std::string("\x1b[K\r\n") : std::string(1, c);
  console_.out(screen + "\x1b[J");
}

Screen::Size Screen::size() const noexcept {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

Screen::Wish Screen::wait(std::chrono::milliseconds time) {
  const Instant until = monotonic_now() + time;
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - monotonic_now()).count();
    if (left <= 0) return Wish::go_on;
    std::array<pollfd, 2> fds{{{signal_pipe[0], POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}}};
    const int ready = ::poll(fds.data(), input_ == Console::Kind::terminal ? 2 : 1, static_cast<int>(left));
    if (ready < 0 && errno != EINTR) return Wish::end;
    if (ready <= 0) continue;
    if ((fds[0].revents & POLLIN) != 0) return Wish::end;
    if ((fds[1].revents & (POLLIN | POLLHUP)) == 0) continue;
    char key = 0;
    if (::read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q' || key == 4) return Wish::end;
  }
}

Instant monotonic_now() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return Instant(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

std::int64_t unix_now() noexcept { return ::time(nullptr); }

}  // namespace culvert::cli
