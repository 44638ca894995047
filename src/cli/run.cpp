// SPDX-License-Identifier: MIT
#include "run.hpp"

#include <fmt/format.h>

#include <new>

#include "capture_command.hpp"
#include "command_line.hpp"
#include "exchange.hpp"
#include "findings.hpp"
#include "init.hpp"
#include "key_commands.hpp"
#include "lifecycle.hpp"
#include "locate.hpp"
#include "peer_commands.hpp"
#include "surroundings.hpp"

namespace culvert::cli {
namespace {

/// One overload a verb.
struct Runner {
  const CommandLine& line;
  const SocketFolders& folders;
  const Console& console;

  void operator()(const HelpOptions& help) const { console.out(help.text); }
  void operator()(const VersionOptions&) const { console.out(fmt::format("culvert {}\n", CULVERT_VERSION)); }
  void operator()(const UpOptions& it) const { up(it, line.config_folder, folders, console); }
  void operator()(const DownOptions& it) const { down(it, folders, console); }
  void operator()(const ReloadOptions& it) const { reload(it, folders, console); }
  void operator()(const PortalOptions& it) const { portal(it, folders, console); }
  void operator()(const CheckOptions& it) const {
    check(locate(it.what, line.config_folder), host_addresses(), console);
  }
  void operator()(const InitOptions& it) const { init(it, line.config_folder, look_around(), console); }
  void operator()(const PeerAddOptions& it) const { add_peer(it, line.config_folder, folders, console); }
  void operator()(const PeerRemoveOptions& it) const { remove_peer(it, line.config_folder, folders, console); }
  void operator()(const PeerListOptions& it) const { list_peers(it, line.config_folder, folders, console); }
  void operator()(const PeerShowOptions& it) const { show_peer(it, line.config_folder, folders, console); }
  void operator()(const PeerRotateOptions& it) const { rotate_peer(it, line.config_folder, folders, console); }
  void operator()(const ImportOptions& it) const { import_file(it, line.config_folder, console); }
  void operator()(const ExportOptions& it) const { export_file(it, line.config_folder, console); }
  void operator()(const StatusOptions& status) const { show_status(status, line.config_folder, folders, console); }
  void operator()(const DoctorOptions& it) const { doctor(it, line.config_folder, folders, console); }
  void operator()(const EventsOptions& it) const { follow_events(it, folders, console); }
  void operator()(const CaptureOptions& it) const { capture(it, folders, console); }
  void operator()(const KeyOptions& key) const {
    switch (key.kind) {
      case KeyOptions::Kind::private_key:
        return genkey(console);
      case KeyOptions::Kind::public_key:
        return pubkey(console);
      case KeyOptions::Kind::preshared_key:
        return genpsk(console);
    }
  }
};

}  // namespace

ExitCode run(std::span<const char* const> words, const SocketFolders& folders, const Console& console) {
  try {
    const CommandLine line = parse_command_line(words);
    std::visit(Runner{line, folders, console}, line.verb);
    return ExitCode::ok;
  } catch (const ReaderGone&) {
    return ExitCode::ok;
  } catch (const Failure& failure) {
    console.err(fmt::format("culvert: {}\n", failure.what()));
    return failure.code();
  } catch (const std::exception& error) {
    console.err(fmt::format("culvert: {}\n", error.what()));
    return ExitCode::failed;
  }
}

}  // namespace culvert::cli
