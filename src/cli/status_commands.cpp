// SPDX-License-Identifier: MIT
#include "status_commands.hpp"

#include <fmt/format.h>

#include <map>

#include "doctor_glance.hpp"
#include "failure.hpp"
#include "host_inquiry.hpp"
#include "load.hpp"
#include "locate.hpp"
#include "rates.hpp"
#include "screen.hpp"
#include "status_text.hpp"

namespace culvert::cli {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{1000};

/// Names of peers by their keys, from the files. Not being able to read those is no reason to show nothing.
using Names = std::map<std::string, std::string>;
Names names_from_file(const std::string& path) {
  Names names;
  if (const auto loaded = config::load(path))
    for (const config::PeerConfig& peer : loaded->config.peers) names[to_base64(peer.public_key)] = peer.name;
  return names;
}

void give_names(InterfaceStatus& status, const Names& names) {
  for (PeerStatus& peer : status.peers)
    if (const auto known = names.find(peer.public_key); peer.name.empty() && known != names.end())
      peer.name = known->second;
}

/// A host half that is busy with something longer is left out: the rest is worth showing.
InterfaceStatus look_at(const SocketFolders& folders, const std::string& interface) {
  auto status = parse_status(read_status(folders, interface));
  if (!status) throw Failure(ExitCode::failed, fmt::format("{}: {}", interface, status.error()));
  status->host = ask_host_status(folders, interface, std::chrono::seconds(3));
  return std::move(*status);
}

InterfaceStatus look_with_names(const SocketFolders& folders, const std::string& interface,
                                const std::string& config_folder) {
  InterfaceStatus status = look_at(folders, interface);
  give_names(status, names_from_file(file_of(status.host, interface, config_folder)));
  return status;
}

/// All that answer. A socket file that a dead daemon left is no interface; one that may not be asked is told of.
std::vector<InterfaceStatus> look_at_all(const std::string& config_folder, const SocketFolders& folders) {
  std::vector<InterfaceStatus> all;
  for (const std::string& name : interfaces_with_status(folders)) {
    try {
      all.push_back(look_with_names(folders, name, config_folder));
    } catch (const Failure& failure) {
      if (failure.code() != ExitCode::not_running) throw;
    }
  }
  return all;
}

void watch(const std::string& interface, const std::string& config_folder, const SocketFolders& folders,
           const Console& console) {
  InterfaceStatus status = look_at(folders, interface);
  const Names names = names_from_file(file_of(status.host, interface, config_folder));
  Rates rates;
  Screen screen(console);
  do {
    give_names(status, names);
    rates.look(status, monotonic_now());
    const Screen::Size size = screen.size();
    screen.draw(watch_screen(status, rates, unix_now(), console.colours, size.columns, size.lines - 1));
    if (screen.wait(kBetweenLooks) == Screen::Wish::end) return;
    status = look_at(folders, interface);
  } while (true);
}

}  // namespace

void show_status(const StatusOptions& options, const std::string& config_folder, const SocketFolders& folders,
                 const Console& console) {
  std::vector<InterfaceStatus> all;
  if (options.interface.empty())
    all = look_at_all(config_folder, folders);
  else
    all.push_back(look_with_names(folders, interface_named(options.interface), config_folder));
  switch (options.form) {
    case StatusOptions::Form::json:
      console.out(status_json(all, unix_now()));
      return;
    case StatusOptions::Form::watch:
      if (all.size() != 1)
        throw Failure(ExitCode::usage, fmt::format("{} interfaces run; name the one to watch", all.size()));
      watch(all.front().name, config_folder, folders, console);
      return;
    case StatusOptions::Form::person:
      break;
  }
  if (all.empty()) {
    console.err("culvert: no tunnel is running\n");
    return;
  }
  bool first = true;
  for (InterfaceStatus& status : all) {
    status.problems = problems_of_host(status.name, config_folder, folders);
    if (!first) console.out("\n");
    console.out(status_text(status, unix_now(), console.colours));
    first = false;
  }
}

}  // namespace culvert::cli
