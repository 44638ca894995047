// SPDX-License-Identifier: MIT
#include "status_commands.hpp"

#include <fmt/format.h>

#include "failure.hpp"
#include "rates.hpp"
#include "screen.hpp"
#include "status_text.hpp"

namespace culvert::cli {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{1000};

InterfaceStatus look_at(const SocketFolders& folders, const std::string& interface) {
  auto status = parse_status(read_status(folders, interface));
  if (!status) throw Failure(ExitCode::failed, fmt::format("{}: {}", interface, status.error()));
  return std::move(*status);
}

/// All that answer. A socket file that a dead daemon left is no interface; one that may not be asked is told of.
std::vector<InterfaceStatus> look_at_all(const SocketFolders& folders) {
  std::vector<InterfaceStatus> all;
  for (const std::string& name : interfaces_with_status(folders)) {
    try {
      all.push_back(look_at(folders, name));
    } catch (const Failure& failure) {
      if (failure.code() != ExitCode::not_running) throw;
    }
  }
  return all;
}

void watch(const std::string& interface, const SocketFolders& folders, const Console& console) {
  InterfaceStatus status = look_at(folders, interface);
  Rates rates;
  Screen screen(console);
  do {
    rates.look(status, monotonic_now());
    const Screen::Size size = screen.size();
    screen.draw(watch_screen(status, rates, unix_now(), console.colours, size.columns, size.lines - 1));
    if (screen.wait(kBetweenLooks) == Screen::Wish::end) return;
    status = look_at(folders, interface);
  } while (true);
}

}  // namespace

void show_status(const StatusOptions& options, const SocketFolders& folders, const Console& console) {
  std::vector<InterfaceStatus> all;
  if (options.interface.empty())
    all = look_at_all(folders);
  else
    all.push_back(look_at(folders, options.interface));
  switch (options.form) {
    case StatusOptions::Form::json:
      console.out(status_json(all, unix_now()));
      return;
    case StatusOptions::Form::watch:
      if (all.size() != 1)
        throw Failure(ExitCode::usage, fmt::format("{} interfaces run; name the one to watch", all.size()));
      watch(all.front().name, folders, console);
      return;
    case StatusOptions::Form::person:
      break;
  }
  if (all.empty()) {
    console.err("culvert: no tunnel is running\n");
    return;
  }
  bool first = true;
  for (const InterfaceStatus& status : all) {
    console.out((first ? "" : "\n") + status_text(status, unix_now(), console.colours));
    first = false;
  }
}

}  // namespace culvert::cli
