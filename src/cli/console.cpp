// SPDX-License-Identifier: MIT
#include "console.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include "failure.hpp"

namespace culvert::cli {
namespace {

/// \returns 0, or errno.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

void write_result(std::string_view text) {
  const int error = write_all(STDOUT_FILENO, text);
  if (error == EPIPE) throw ReaderGone();
  if (error != 0)
    throw Failure(code_of_errno(error), fmt::format("standard output: {}", std::generic_category().message(error)));
}

/// A verb is not to stop halfway because nobody hears of it.
void write_remark(std::string_view text) { static_cast<void>(write_all(STDERR_FILENO, text)); }

std::optional<std::string> read_input(std::size_t limit) {
  std::string text;
  char block[4096];
  while (true) {
    const ssize_t n = ::read(STDIN_FILENO, block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return text;
    text.append(block, static_cast<std::size_t>(n));
    if (text.size() > limit) return std::nullopt;
  }
}

std::optional<std::string> ask_line(std::string_view question) {
  write_remark(question);
  std::string line;
  while (true) {
    const int c = std::getchar();
    if (c == EOF && line.empty()) return std::nullopt;
    if (c == EOF || c == '\n') return line;
    line.push_back(static_cast<char>(c));
  }
}

Console::Colours colours_for(Console::Kind output) {
  const char* const mode = std::getenv("WG_COLOR_MODE");
  const std::string_view wanted = mode == nullptr ? "auto" : mode;
  if (wanted == "always") return Console::Colours::ansi;
  const char* const none = std::getenv("NO_COLOR");
  if (wanted == "never" || (none != nullptr && *none != 0)) return Console::Colours::none;
  return output == Console::Kind::terminal ? Console::Colours::ansi : Console::Colours::none;
}

Console::Kind kind_of(int fd) { return ::isatty(fd) == 1 ? Console::Kind::terminal : Console::Kind::other; }

}  // namespace

Console process_console() {
  Console console;
  console.out = write_result;
  console.err = write_remark;
  console.read_all = read_input;
  console.ask = ask_line;
  console.input = kind_of(STDIN_FILENO);
  console.output = kind_of(STDOUT_FILENO);
  console.colours = colours_for(console.output);
  console.error_colours = colours_for(kind_of(STDERR_FILENO));
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col != 0) console.columns = size.ws_col;
  return console;
}

std::string ask_until(const Console& console, std::string_view question, std::string_view preset,
                      const std::function<std::optional<std::string>(const std::string&)>& accept) {
  while (true) {
    const std::string prompt =
        preset.empty() ? fmt::format("{}: ", question) : fmt::format("{} [{}]: ", question, preset);
    auto answer = console.ask(prompt);
    if (!answer) throw Failure(ExitCode::failed, fmt::format("no answer to \"{}\"; nothing was written", question));
    if (answer->empty()) answer = std::string(preset);
    const auto complaint = accept(*answer);
    if (!complaint) return *answer;
    console.err(fmt::format("  {}\n", *complaint));
  }
}

}  // namespace culvert::cli
