// SPDX-License-Identifier: MIT
#include "event_hooks.hpp"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/read_until.hpp>
#include <asio/steady_timer.hpp>

#include "clock.hpp"
#include "hook.hpp"
#include "unique_fd.hpp"

namespace culvert::daemon {
namespace {

using Protocol = asio::local::stream_protocol;

constexpr std::size_t kMostAtOnce = 8;
constexpr std::size_t kLongestLine = 64 << 10;
constexpr auto kAgain = std::chrono::seconds(1);

/// A file without a name that holds the line, at its start.
io::UniqueFd file_of(std::string_view line) {
  io::UniqueFd file(::memfd_create("event", MFD_CLOEXEC));
  if (!file || ::write(file.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) return {};
  return ::lseek(file.get(), 0, SEEK_SET) == 0 ? std::move(file) : io::UniqueFd{};
}

}  // namespace

struct EventHooks::State : std::enable_shared_from_this<State> {
  State(asio::io_context& in, Log& to, std::string where, std::vector<std::string> what)
      : socket(in), timer(in), log(to), path(std::move(where)), programs(std::move(what)) {}

  void connect() {
    asio::error_code error;
    socket.close(error);
    text.clear();
    socket.async_connect(Protocol::endpoint(path), [self = shared_from_this()](const asio::error_code& failed) {
      if (!self->open) return;
      if (failed) return self->connect_later();
      self->read();
    });
  }

  void connect_later() {
    timer.expires_after(kAgain);
    timer.async_wait([self = shared_from_this()](const asio::error_code& error) {
      if (!error && self->open) self->connect();
    });
  }

  void read() {
    asio::async_read_until(socket, asio::dynamic_buffer(text, kLongestLine), '\n',
                           [self = shared_from_this()](const asio::error_code& error, std::size_t octets) {
                             if (!self->open) return;
                             if (error) return self->connect_later();
                             self->take(self->text.substr(0, octets));
                             self->text.erase(0, octets);
                             self->read();
                           });
  }

  void take(const std::string& line) {
    bury();
    for (const std::string& program : programs) {
      if (running.size() >= kMostAtOnce) {
        log.limited("event_hooks", engine::read_monotonic(), LogLevel::error,
                    "An event was not handed on: its programs take too long");
        return;
      }
      const io::UniqueFd input = file_of(line);
      const auto child = start_program(program, input.get());
      if (child)
        running.push_back(*child);
      else
        log.limited("event_hooks", engine::read_monotonic(), LogLevel::error, "event_hooks: " + child.error());
    }
  }

  void bury() {
    std::erase_if(running, [](pid_t child) { return ::waitpid(child, nullptr, WNOHANG) != 0; });
  }

  Protocol::socket socket;
  asio::steady_timer timer;
  Log& log;
  std::string path;
  std::vector<std::string> programs;
  std::string text;
  std::vector<pid_t> running;
  bool open = true;
};

EventHooks::EventHooks(asio::io_context& context, Log& log, std::string socket_path, std::vector<std::string> programs)
    : state_(std::make_shared<State>(context, log, std::move(socket_path), std::move(programs))) {
  state_->connect();
}

EventHooks::~EventHooks() {
  state_->open = false;
  asio::error_code ignored;
  state_->socket.close(ignored);
  state_->timer.cancel();
  state_->bury();
}

}  // namespace culvert::daemon
